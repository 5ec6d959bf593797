/** Water that is still up to a line and moves beyond it. */
export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="8" fill="var(--water-deep)" />
      <path
        d="M0 18h14c3.5 0 3.5-5 7-5s3.5 5 7 5c2 0 3-1.5 4-3v9a8 8 0 0 1-8 8H8a8 8 0 0 1-8-8z"
        fill="#5fd0d6"
      />
      <path d="M14 6v20" stroke="#fff" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
