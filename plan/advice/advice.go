// Package advice estimates what the operators of a streaming plan have to
// remember, and says what would make them remember less.
//
// It does not measure and does not change plans: it reads one, with the rates of
// the tables as they are known, and takes the worst case for what is not known:
// that no condition removes a row and no key comes twice.
//
// Flow: Of walks the plan from the sources up, with the rate of the rows → a
// State per operator that keeps rows → String is for EXPLAIN.
//
// Invariants:
//  1. What is called bounded stays so for as long as the job runs, at the given
//     rates.
package advice

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tidemark/plan"
)

// assumedRate is rows a second of tables whose rate is not known.
const assumedRate = 1000

// Rates tells how many rows a second come into a table; ok is false where that
// is not known.
type Rates func(*plan.Table) (rowsPerSecond float64, ok bool)

// State is what one operator keeps.
type State struct {
	Operator string        // with what tells it from others
	Keeps    string        // what is kept
	RowBytes int           // of one row or group, about
	Rate     float64       // rows or groups that come to it in a second, at most
	Span     time.Duration // how long each is kept; 0 where there is only one, Unbounded for ever
	Until    string        // column that says of each how long it is kept; "" for none
	Advice   string        // what would need less, "" when there is nothing to say
}

// Unbounded is the Span of what is never forgotten.
const Unbounded = time.Duration(math.MaxInt64)

// Bytes is how much is kept in all, after a day where it grows for ever.
func (s State) Bytes() float64 {
	if s.Span == 0 {
		return float64(s.RowBytes)
	}
	return s.Rate * min(s.Span, 24*time.Hour).Seconds() * float64(s.RowBytes)
}

// Report is the states of a plan.
type Report struct {
	States  []State // inputs before what they feed
	Assumed bool    // some rate is assumed
}

// Of estimates a streaming plan.
func Of(n plan.Node, rates Rates) Report {
	w := walker{rates: rates, shared: map[int]float64{}}
	w.node(n)
	return w.report
}

// String prints a report, an operator a paragraph.
func (r Report) String() string {
	if len(r.States) == 0 {
		return "state: nothing is kept between rows\n"
	}
	var b strings.Builder
	b.WriteString("state, at most")
	if r.Assumed {
		fmt.Fprintf(&b, " (at %d rows a second, where the rate of a table is not known)", assumedRate)
	}
	b.WriteByte('\n')
	for _, s := range r.States {
		fmt.Fprintf(&b, "  %s: %s\n", s.Operator, s.Keeps)
		switch {
		case s.Span == 0:
			fmt.Fprintf(&b, "    about %s\n", size(s.Bytes()))
		case s.Until != "":
			fmt.Fprintf(&b, "    until %s is over, about %d bytes each: %s if that takes a day\n", s.Until, s.RowBytes, size(s.Bytes()))
		case s.Span == Unbounded:
			fmt.Fprintf(&b, "    for ever, about %d bytes each: %s after a day\n", s.RowBytes, size(s.Bytes()))
		default:
			fmt.Fprintf(&b, "    for %s, about %d bytes each: %s\n", duration(s.Span), s.RowBytes, size(s.Bytes()))
		}
		if s.Advice != "" {
			fmt.Fprintf(&b, "    advice: %s\n", s.Advice)
		}
	}
	return b.String()
}

func duration(d time.Duration) string {
	text := d.String()
	for _, zeros := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zeros) {
			text = strings.TrimSuffix(text, zeros[1:])
		}
	}
	return text
}

// size prints bytes in decimal units.
func size(bytes float64) string {
	unit := 0
	for bytes >= 1000 && unit < len(sizeUnits)-1 {
		bytes /= 1000
		unit++
	}
	return fmt.Sprintf("%.3g %s", bytes, sizeUnits[unit])
}

var sizeUnits = []string{"B", "kB", "MB", "GB", "TB", "PB"}
