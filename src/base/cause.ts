/** Cause: which event led to what is sent or decided. Every frame in, timer fired and user call begins an event. */
export class Cause {
  /** The event being handled now; 0 before the first. */
  id = 0;

  /** Begins the next event and returns its id. */
  begin(): number {
    this.id += 1;
    return this.id;
  }
}
