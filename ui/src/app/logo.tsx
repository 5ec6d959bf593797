/** Water that is still up to a line and moves beyond it. */
export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="8" fill="var(--water-deep)" />
      <path d="M0 18h16q2-5 4 0t4 0 4 0 4 0v6a8 8 0 0 1-8 8H8a8 8 0 0 1-8-8z" fill="#5fd0d6" />
      <path d="M16 6v20" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
