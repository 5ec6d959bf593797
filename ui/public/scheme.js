// Sets the colour scheme before the first paint, so that a dark page does not flash white.
// A file of its own because the content security policy forbids inline scripts.
// The key and the attribute are those of src/app/theme.ts and Mantine.
(() => {
  let saved = 'auto';
  try {
    saved = localStorage.getItem('tidemark.colour-scheme') || 'auto';
  } catch {
    // Storage is blocked: follow the system.
  }
  const dark = saved === 'dark' || (saved !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light');
})();
