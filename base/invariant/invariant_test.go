package invariant

import "testing"

func TestCheck(t *testing.T) {
	Check(true, "not shown")
	defer func() {
		if got, want := recover(), "invariant violated: 3 rows, want 4"; got != want {
			t.Errorf("panic %v, want %q", got, want)
		}
	}()
	Check(false, "%d rows, want %d", 3, 4)
	t.Error("Check returned although its condition does not hold")
}
