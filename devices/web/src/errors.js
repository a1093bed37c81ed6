/** facelite refused: there is no decision, neither "accepted" nor "rejected". The message is `expected ..., got ...; what to do`. */
export class FaceliteError extends Error {
  /**
   * @param {string} expected
   * @param {string} got
   * @param {string} remedy
   */
  constructor(expected, got, remedy) {
    super(`expected ${expected}, got ${got}; ${remedy}`);
    this.name = "FaceliteError";
  }
}
