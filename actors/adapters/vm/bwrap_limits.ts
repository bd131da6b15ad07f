/** Every bound and fixed number of the bwrap provider, named with its unit. */

/** The user that processes of a VM are, as they see it themselves. */
export const INSIDE_UID = 1000;
/**
 * The user that they are on the host where the server is root: in a range that by convention
 * neither people nor services nor the users of containers are given.
 */
export const OUTSIDE_UID = 77_177;

/** Processes and threads of one VM together. */
export const MAX_VM_PROCESSES = 2_048;
/** How much of a VM's memory its files in /dev/shm may take. */
export const SHARED_MEMORY_SHARE = 0.5;
/** Share of a CPU's time is given out in periods of this length. */
export const CPU_PERIOD_US = 100_000;
/** Less CPU than this the kernel cannot give. */
export const MIN_CPU_QUOTA_US = 1_000;

/** Between two looks at something that the kernel tells nobody about. */
export const POLL_MS = 5;
/** How long a sandbox may take to stand, to freeze, or to be gone. */
export const SETTLE_MS = 10_000;

/** How long the answer to whether VMs can run here is kept. */
export const AVAILABILITY_MS = 60_000;
