/**
 * Takes the frames of an exec's output apart: Docker sends what a command without a terminal
 * writes as pieces, each with a header of 8 bytes: the stream, three zeros, the length.
 */
import { ProviderError } from "./provider.ts";

export type Piece = { stream: "stdout" | "stderr"; data: Uint8Array };

const HEADER_BYTES = 8;
/** By number. What the daemon itself says (3) is shown as an error. */
const STREAMS: readonly (Piece["stream"] | undefined)[] = [
  undefined,
  "stdout",
  "stderr",
  "stderr",
];

export class FrameReader {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #stream: Piece["stream"] = "stdout";
  /** Of the present frame, still to come. */
  #left = 0;

  /**
   * The pieces in what has come; a frame may be cut anywhere. They share its memory. Throws
   * `ProviderError("failed")` where it is no frame.
   */
  *take(bytes: Uint8Array): Generator<Piece> {
    let at = 0;
    while (at < bytes.length) {
      if (this.#left === 0) {
        const taken = bytes.subarray(at, at + HEADER_BYTES - this.#headerBytes);
        this.#header.set(taken, this.#headerBytes);
        this.#headerBytes += taken.length;
        at += taken.length;
        if (this.#headerBytes === HEADER_BYTES) this.#open();
        continue;
      }
      const data = bytes.subarray(at, at + this.#left);
      at += data.length;
      this.#left -= data.length;
      yield { stream: this.#stream, data };
    }
  }

  /** Whether the output may end here. */
  get isWhole(): boolean {
    return this.#left === 0 && this.#headerBytes === 0;
  }

  #open(): void {
    const [number = 0, ...zeros] = this.#header.subarray(0, 4);
    const stream = STREAMS[number];
    if (stream === undefined || zeros.some((byte) => byte !== 0)) {
      const hex = this.#header.toHex();
      throw new ProviderError("failed", `Cannot read output: docker sent no frame (${hex})`);
    }
    this.#stream = stream;
    this.#left = new DataView(this.#header.buffer).getUint32(4);
    this.#headerBytes = 0;
  }
}
