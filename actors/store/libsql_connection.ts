/**
 * The one connection to a database: opened, held to its pragmas, closed. It turns failures into
 * `StoreError`s and results into rows; what is asked is not its business. `transaction()` of the
 * client is never used: it would open a second connection without these pragmas.
 */
import { type Client, type Config, createClient } from "@libsql/client";
import { StoreError } from "../runtime/errors.ts";
import { storeError } from "./libsql_errors.ts";
import { BUSY_TIMEOUT_MS, CACHE_KIB, CHECKPOINT_PAGES, LOG_BYTES } from "./libsql_limits.ts";
import type { Cell, Query, Statement } from "./libsql_pack.ts";

/** Where a database is and how it is kept. */
export type Target = {
  where: "file" | "memory" | "remote";
  /** For people, without secrets. */
  name: string;
  /** For the client. */
  url: string;
  syncMode: "FULL" | "NORMAL";
  encryptionKey?: string;
  authToken?: string;
  /** Further pragmas to set and to hold to. */
  pragmas?: Pragmas;
};

export type Pragmas = { readonly [name: string]: string | number };

/** What PRAGMA synchronous answers. */
const SYNCHRONOUS = { NORMAL: 1, FULL: 2 };

export class Connection {
  readonly target: Target;
  #connect: (config: Config) => Client;
  #client: Client | undefined;
  #suspect = false;

  private constructor(target: Target, connect: (config: Config) => Client) {
    this.target = target;
    this.#connect = connect;
  }

  /** Opens a database, and refuses it when it does not take the pragmas. */
  static async open(target: Target, connect = createClient): Promise<Connection> {
    const connection = new Connection(target, connect);
    await connection.#open();
    return connection;
  }

  get name(): string {
    return this.target.name;
  }

  /** Whether a statement has failed since it was opened. */
  get isSuspect(): boolean {
    return this.#suspect;
  }

  /** The rows of a query. */
  async select<Row>(query: Query<Row>): Promise<Row[]> {
    const client = this.#connected();
    try {
      const { rows } = await client.execute({ sql: query.sql, args: query.args });
      return rows.map(({ row }) => JSON.parse(String(row)) as Row);
    } catch (error) {
      this.#suspect = true;
      throw storeError(`read ${this.name}`, error);
    }
  }

  /** Runs a statement that no transaction may hold. */
  async run(sql: string, args: Cell[] = []): Promise<void> {
    const client = this.#connected();
    try {
      await client.execute({ sql, args });
    } catch (error) {
      this.#suspect = true;
      throw storeError(`run on ${this.name}`, error);
    }
  }

  /** Runs all statements in one transaction. Returns the rows that each changed. */
  async batch(statements: readonly Statement[]): Promise<number[]> {
    const client = this.#connected();
    try {
      const results = await client.batch([...statements], "write");
      return results.map((result) => result.rowsAffected);
    } catch (error) {
      this.#suspect = true;
      throw storeError(`write to ${this.name}`, error);
    }
  }

  /**
   * Gives up the connection, with whatever an unfinished statement still holds, for a new one. A
   * database in memory lives in its connection and keeps it; the client has rolled back.
   */
  async reopen(): Promise<void> {
    if (this.target.where !== "memory") {
      this.close();
      await this.#open();
    }
    this.#suspect = false;
  }

  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  async #open(): Promise<void> {
    const { where, url, name, encryptionKey, authToken } = this.target;
    try {
      this.#client = this.#connect({
        url,
        // One: pragmas belong to a connection, and SQLite has one writer.
        concurrency: 1,
        ...(where === "remote" ? {} : { timeout: BUSY_TIMEOUT_MS }),
        ...(encryptionKey === undefined ? {} : { encryptionKey }),
        ...(authToken === undefined ? {} : { authToken }),
      });
      await this.#guard();
    } catch (error) {
      this.close();
      throw storeError(`open ${name}`, error);
    }
  }

  /** Sets the pragmas, reads them back and goes on only when they are in force. */
  async #guard(): Promise<void> {
    const client = this.#connected();
    const pragmas = pragmasOf(this.target);
    for (const [name, value] of Object.entries(pragmas)) {
      // A server keeps pragmas of its own: there they are only read.
      if (this.target.where !== "remote") await client.execute(`pragma ${name} = ${value}`);
      const { rows: [row] } = await client.execute(`pragma ${name}`);
      const actual = row === undefined ? "unknown" : String(Object.values(row)[0]);
      if (actual !== String(value)) {
        throw new StoreError(
          "other",
          `Cannot open ${this.name}: pragma ${name} is ${actual}, want ${value}`,
        );
      }
    }
  }

  #connected(): Client {
    if (this.#client === undefined) {
      throw new StoreError("other", `Cannot use ${this.name}: it is not open`);
    }
    return this.#client;
  }
}

function pragmasOf({ where, syncMode, pragmas }: Target): Pragmas {
  if (where === "remote") return { foreign_keys: 1 };
  return {
    busy_timeout: BUSY_TIMEOUT_MS,
    journal_mode: where === "memory" ? "memory" : "wal",
    synchronous: SYNCHRONOUS[syncMode],
    foreign_keys: 1,
    cache_size: -CACHE_KIB,
    wal_autocheckpoint: CHECKPOINT_PAGES,
    journal_size_limit: LOG_BYTES,
    ...pragmas,
  };
}
