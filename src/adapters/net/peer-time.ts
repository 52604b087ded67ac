/** The time of this process as peers are told it, ms since 1970. */
export type PeerTime = () => number;

/**
 * The wall clock as it was when the process began, and since then the monotonic one: so a step of the wall clock neither makes a process
 * a stranger to its peers, nor makes one believe an old request again. What it was wrong by at the beginning, peers tell each other.
 */
export const peerTime: PeerTime = () => Math.round(performance.timeOrigin + performance.now());
