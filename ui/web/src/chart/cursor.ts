// One cursor for several charts of the same axis: where the pointer is on one, a line stands on all. Moves elements
// itself: pointer events never reach React.

/** See the module. Positions are values of the common axis. */
export class Cursor {
  private readonly listeners = new Set<(at: number | undefined) => void>();

  /** Tells all charts where the pointer is. */
  move(at: number | undefined): void {
    for (const listener of this.listeners) listener(at);
  }

  /** Calls `listener` with every move until the returned function is called. */
  on(listener: (at: number | undefined) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
