/** Every bound of port forwarding, named with its unit. */

/** How long what listens on a port may take until it begins to answer, ms. */
export const FORWARD_WAIT_MS = 5 * 60_000;
/** Headers of an answer together, bytes. */
export const MAX_FORWARD_HEADER_BYTES = 64 * 1024;
/** Largest message of a WebSocket from a port, bytes. */
export const MAX_FORWARD_MESSAGE_BYTES = 16 * 1024 * 1024;
/** What may wait for a slow caller before the port's side is read no further, bytes. */
export const FORWARD_BUFFER_BYTES = 1024 * 1024;
/** What may wait for a slow port; a caller that goes on sending is ended, bytes. */
export const MAX_FORWARD_WAITING_BYTES = 16 * 1024 * 1024;
/** How often it is looked whether a caller that is behind has caught up, ms. */
export const FORWARD_POLL_MS = 10;
