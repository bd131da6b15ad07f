/**
 * Holdfast as a library: durable XState actors over libSQL, and the HTTP edge over them. What is
 * not listed here may change at any time.
 *
 * @module
 */
export { openStore, type StoreOptions } from "./actors/store/open.ts";
export type {
  ActorQuery,
  ActorRow,
  ActorStatus,
  ActorWrite,
  BaseRow,
  BlobWrite,
  Commit,
  DeadLetterRow,
  EffectRow,
  IdempotencyRow,
  IndexValue,
  IndexWrite,
  JournalQuery,
  JournalRow,
  Lease,
  Outcome,
  PoolRow,
  PruneReport,
  PruneRequest,
  SlotRow,
  Store,
  StoreInfo,
  StreamRow,
  Tally,
  TimerRow,
  WatchRow,
} from "./actors/store/store.ts";

export { createSystem } from "./actors/runtime/system.ts";
export type {
  ArchivedOf,
  FeedEntry,
  FeedItem,
  FeedOptions,
  GetOptions,
  Health,
  HistoryQuery,
  Inspection,
  LateQuery,
  ListQuery,
  Logger,
  OrphanedEffect,
  OverdueTimer,
  Page,
  PoolStatus,
  Receipt,
  RecoveryReport,
  Retained,
  SendOptions,
  Stats,
  System,
  SystemOptions,
} from "./actors/runtime/api.ts";
export { type Clock, systemClock } from "./actors/runtime/clock.ts";
export type { Address } from "./actors/runtime/address.ts";
export type { Json, JsonObject } from "./actors/runtime/json.ts";

export { defineEffect, defineKind } from "./actors/runtime/kind.ts";
export type {
  ActorRecord,
  Backoff,
  Effect,
  EffectContext,
  EventInput,
  Hook,
  HookContext,
  KindDefinition,
  PersistedSnapshot,
  Vitals,
} from "./actors/runtime/kind.ts";
export {
  ACTOR_CREATE,
  actorAt,
  type ActorEnded,
  createActor,
  external,
  type PoolRequest,
  slot,
  type SlotGranted,
  type SlotInput,
  watch,
  type WatchInput,
} from "./machines/lib/builtins.ts";
export {
  AlreadyAnsweredError,
  AlreadyExistsError,
  BlockedError,
  DrainingError,
  EventFailedError,
  InvalidPayloadError,
  KeyReusedError,
  NotAcceptedError,
  NotDurableError,
  NotFoundError,
  OverloadedError,
  RevisionConflictError,
  StoreError,
  type StoreFailure,
  TooLargeError,
} from "./actors/runtime/errors.ts";

export { createTaskKind, type TaskKindOptions } from "./actors/task.ts";
export { createScheduleKind, type RunJob, type ScheduleKindOptions } from "./actors/schedule.ts";
export type { JobInput, JobReport } from "./machines/schedule_events.ts";
export { createGateKind } from "./actors/gate.ts";
export { createGoalKind, type GoalKindOptions } from "./actors/goal.ts";
export {
  createSystemJobs,
  type SystemJob,
  type SystemJobReport,
  type SystemJobRun,
  type SystemJobs,
  type SystemJobsHost,
} from "./actors/system_jobs.ts";
export { type AlertKindOptions, createAlertKind } from "./actors/alert.ts";
export { createWatchdog, type WatchdogParts } from "./actors/watchdog.ts";
export {
  type CommandExecutor,
  type CommandExecutorOptions,
  createCommandExecutor,
} from "./actors/adapters/executor/command.ts";
export {
  type Executor,
  ExecutorError,
  type ExecutorErrorCode,
  type ExecutorInput,
  type ExecutorResult,
  type ProcessMark,
  type VmPlace,
  type WorkspaceInput,
} from "./actors/adapters/executor/executor.ts";
export type { ProcessInfo, ProcessTable } from "./actors/adapters/executor/process_table.ts";

export { createVmKind, type VmKindOptions } from "./actors/vm.ts";
export type { Notification, Notify } from "./actors/notify.ts";
export {
  createVmAccess,
  type OpenVm,
  type VmAccess,
  type VmAccessParts,
  VmUnavailableError,
} from "./actors/vm_access.ts";
export { VmProviders } from "./actors/adapters/vm/providers.ts";
export {
  type CreateCall,
  type ExecExit,
  type ExecRequest,
  type ProviderAvailability,
  type ProviderCall,
  ProviderError,
  type ProviderErrorCode,
  type ProviderLimits,
  type TerminalProcess,
  type TerminalRequest,
  type VmConditionReport,
  type VmConditionType,
  type VmConnection,
  type VmHandle,
  type VmNetwork,
  type VmPort,
  type VmProvider,
  type VmResources,
  type VmSighting,
  type VmSpec,
  type VmStats,
} from "./actors/adapters/vm/provider.ts";
export type { WorkspaceSource } from "./actors/adapters/vm/workspace_source.ts";
export { createVmProviders, type VmProvidersOptions } from "./actors/vm_providers.ts";
export type { WorkspaceTools } from "./actors/adapters/vm/directory.ts";
export { createMutex, type Mutex } from "./actors/adapters/executor/mutex.ts";
export { createWorkspaceKind } from "./actors/workspace.ts";
export type { VmDefaults } from "./machines/workspace.ts";
export type { VmUse } from "./machines/vm_events.ts";
export type { VmIdleInput, VmResources as VmResourcesInput } from "./machines/vm_input.ts";
export { createRedactor, type Redactor, type Span } from "./actors/adapters/redact.ts";

export { createApp } from "./routes/app.ts";
export type { AppConfig } from "./routes/config.ts";
