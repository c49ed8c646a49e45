/** The mark: people in a ring, and one who joins them. */

/** Seats of the ring, clockwise from the top; the last one has just come. */
const SEATS = 7;
const CENTRE = 16;
const RING = 11;

function seat(index: number): { x: string; y: string } {
  const turn = (index / SEATS) * 2 * Math.PI;
  return {
    x: (CENTRE + RING * Math.sin(turn)).toFixed(2),
    y: (CENTRE - RING * Math.cos(turn)).toFixed(2),
  };
}

/** The mark beside a name that says the same: hidden from screen readers. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      {Array.from({ length: SEATS }, (_, index) => {
        const { x, y } = seat(index);
        return (
          <circle key={index} class={index === 1 ? "guest" : undefined} cx={x} cy={y} r="3.4" />
        );
      })}
    </svg>
  );
}

/** The mark as a file, for the browser's tab. */
export function iconSvg(): string {
  const seats = Array.from({ length: SEATS }, (_, index) => {
    const { x, y } = seat(index);
    const color = index === 1 ? "#d2622a" : "#2f8572";
    return `<circle cx="${x}" cy="${y}" r="3.6" fill="${color}"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${seats.join("")}</svg>`;
}
