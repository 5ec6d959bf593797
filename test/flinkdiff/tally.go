package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// tally counts what came of the cases. It is safe for concurrent use.
type tally struct {
	mu struct {
		sync.Mutex
		kinds   map[string]*[lost + 1]int  // by kind: how many of each verdict
		reasons map[verdict]map[string]int // why cases were not compared
		differs int
	}
}

// differences is how many cases differ so far.
func (t *tally) differences() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.differs
}

func (t *tally) count(s *statement, o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.kinds == nil {
		t.mu.kinds, t.mu.reasons = map[string]*[lost + 1]int{}, map[verdict]map[string]int{}
	}
	if t.mu.kinds[s.kind] == nil {
		t.mu.kinds[s.kind] = new([lost + 1]int)
	}
	t.mu.kinds[s.kind][o.verdict]++
	if o.verdict == differs {
		t.mu.differs++
	}
	if o.reason != "" {
		if t.mu.reasons[o.verdict] == nil {
			t.mu.reasons[o.verdict] = map[string]int{}
		}
		t.mu.reasons[o.verdict][shortened(o.reason)]++
	}
}

// reasonMax is how much of a reason is printed, in characters.
const reasonMax = 150

func shortened(reason string) string {
	if r := []rune(reason); len(r) > reasonMax {
		return string(r[:reasonMax]) + "…"
	}
	return reason
}

// report prints a table of kinds and verdicts, and below it the reasons.
func (t *tally) report() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	headings := [lost + 1]string{"equal", "differ", "not built", "not Flink", "neither", "known", "lost"}
	fmt.Fprintf(&b, "%-16s", "runs")
	for _, h := range headings {
		fmt.Fprintf(&b, " %13s", h)
	}
	var sum [lost + 1]int
	for _, kind := range slices.Sorted(maps.Keys(t.mu.kinds)) {
		fmt.Fprintf(&b, "\n%-16s", kind)
		for v, n := range t.mu.kinds[kind] {
			fmt.Fprintf(&b, " %13d", n)
			sum[v] += n
		}
	}
	fmt.Fprintf(&b, "\n%-16s", "all")
	for _, n := range sum {
		fmt.Fprintf(&b, " %13d", n)
	}
	b.WriteString("\n")
	for v := equal; v <= lost; v++ {
		reasons := t.mu.reasons[v]
		byCount := slices.SortedFunc(maps.Keys(reasons), func(x, y string) int {
			return cmp.Or(reasons[y]-reasons[x], strings.Compare(x, y))
		})
		for i, reason := range byCount {
			if i == 0 {
				fmt.Fprintf(&b, "\n%s:\n", headings[v])
			}
			fmt.Fprintf(&b, "%5d  %s\n", reasons[reason], reason)
		}
	}
	return b.String()
}
