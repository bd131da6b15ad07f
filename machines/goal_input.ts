/**
 * What a goal is asked to reach: the fields that its maker gives. Checking them is the edge's work;
 * here they are trusted.
 */
import type { RunTemplate } from "./run_template.ts";

/** What all iterations and audits together may use; null is no limit. */
export type GoalBudget = { readonly tokens: number | null; readonly usd: number | null };

/** The texts of which prompts are made; see `GOAL_VARIABLES` for what they may name. */
export type GoalTemplates = {
  /** Of each iteration. */
  readonly continue: string;
  /** Of the last one, after the deadline. */
  readonly timeout: string;
  readonly audit: string;
};

/** What can be changed of a goal. */
export type GoalPlan = {
  readonly objective: string;
  /** Ms since the epoch. */
  readonly deadlineAt: number;
  readonly budget: GoalBudget;
  readonly templates: GoalTemplates;
  /** What each iteration is. */
  readonly task: RunTemplate;
  /** What an audit is; null: a claim is believed. */
  readonly audit: RunTemplate | null;
};

export type GoalInput = {
  readonly id: string;
  readonly plan: GoalPlan;
  /** One goal at a time works in a scope. */
  readonly scope?: string;
  /** The session of all iterations; by default one of its own. */
  readonly session?: string;
  readonly createdBy?: string;
  /** Ms since the epoch. */
  readonly createdAt: number;
  /** When it was made, ms since the epoch; the runtime fills it in. */
  readonly at?: number;
};

/** How long a goal has that does not say. */
export const DEADLINE_MS = 48 * 60 * 60_000;
/** An iteration that worked for less is short. */
export const SHORT_ITERATION_MS = 3 * 60_000;
/** Short iterations in a row after which a goal pauses. */
export const MAX_SHORT_IN_ROW = 5;
/** Iterations without a change in what the audit found, after which a goal pauses. */
export const MAX_UNCHANGED = 5;
/** What the last iteration may take in all, its wait for the session and for a slot included. */
export const LAST_ITERATION_MS = 10 * 60_000;
/**
 * How long a step that was called off is waited for. Its task ends in the same commit, unless it
 * is blocked: then the goal goes on without it.
 */
export const STOP_LIMIT_MS = 60_000;
/** How long after a claim that found its session busy it is tried again. */
export const GOAL_SESSION_RETRY_MS = 10_000;
/** A delay, seconds; 0 clears it. */
export const MIN_DELAY_S = 60;
export const MAX_DELAY_S = 43_200;
/** What is kept of an audit: findings, and characters of each. */
export const MAX_FINDINGS = 10;
export const MAX_FINDING_CHARS = 500;
/**
 * Failures of an iteration that its own task may try again: those of the place where it runs. One
 * that took too long is over.
 */
export const GOAL_RETRY_ON: readonly string[] = [
  "runtime_offline",
  "orphaned",
  "network",
  "rate_limited",
];
