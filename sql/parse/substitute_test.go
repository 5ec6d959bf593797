package parse_test

import (
	"testing"

	"tidemark/base/problem"
	"tidemark/sql/parse"
)

func TestSubstitute(t *testing.T) {
	source := "SELECT '${DIR}/a', ${N} -- ${X}\nFROM ${T}, ${MISSING}, '--${N}' /* ${X} */"
	s, warnings := parse.Substitute("f.sql", source, map[string]string{"DIR": "/data/long", "N": "1", "T": "t\nu", "MISING": ""})
	want := "SELECT '/data/long/a', 1 -- ${X}\nFROM t\nu, ${MISSING}, '--1' /* ${X} */"
	if s.Text != want {
		t.Errorf("got\n%s\nwant\n%s", s.Text, want)
	}
	if len(warnings) != 1 || warnings[0].Position.String() != "f.sql:2:12" || warnings[0].Hint != "did you mean MISING?" {
		t.Errorf("warnings: %v", warnings)
	}
	for _, c := range []struct{ at, original [2]int }{
		{[2]int{1, 1}, [2]int{1, 1}},   // before any replacement
		{[2]int{1, 12}, [2]int{1, 9}},  // inside /data/long
		{[2]int{1, 24}, [2]int{1, 20}}, // the 1
		{[2]int{2, 1}, [2]int{2, 1}},
		{[2]int{3, 1}, [2]int{2, 6}},  // the u of t
		{[2]int{3, 4}, [2]int{2, 12}}, // ${MISSING}
	} {
		got := s.Original(problem.Position{Line: c.at[0], Column: c.at[1]})
		if got.Line != c.original[0] || got.Column != c.original[1] {
			t.Errorf("%v came from %v, got %v", c.at, c.original, got)
		}
	}
}
