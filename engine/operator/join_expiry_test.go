package operator

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/engine/state"
	"tidemark/plan"
)

// expiringJoin is a join whose rows expire, by its definition, a row at a time.
type expiringJoin struct {
	clock   *testClock
	kind    plan.JoinKind
	ttl     [2]time.Duration
	appends [2]bool
	partner func(l, r joinRow) bool
	sides   [2][]*expiringRow
	gone    [2]map[int64]bool // keys of rows that have expired
	asked   int
}

type expiringRow struct {
	row             joinRow
	count, partners int
	written         time.Time
}

// forget leaves out what is over.
func (m *expiringJoin) forget() {
	for port, rows := range m.sides {
		if m.ttl[port] == 0 {
			continue
		}
		m.sides[port] = slices.DeleteFunc(rows, func(e *expiringRow) bool {
			over := !e.written.Add(m.ttl[port]).After(m.clock.context.Now)
			if over {
				m.gone[port][*e.row.key] = true
			}
			return over
		})
	}
}

// process gives what a row changes.
func (m *expiringJoin) process(port int, row joinRow) (shown []string) {
	m.forget()
	sign, back := "+", row.kind.Retracts()
	other := map[string]string{"+": "-", "-": "+"}
	if back {
		sign = "-"
	}
	show := func(sign string, own, partner string, times int) {
		text := own
		if m.kind.ShowsRight() && port == 0 {
			text = own + " | " + partner
		} else if m.kind.ShowsRight() {
			text = partner + " | " + own
		} else if port == 1 {
			text = partner
		}
		for range times {
			shown = append(shown, sign+text)
		}
	}
	at := slices.IndexFunc(m.sides[port], func(e *expiringRow) bool { return e.row.String() == row.String() })
	if row.key != nil {
		for side := range m.gone {
			if asks := side != port || back && at < 0; asks && m.gone[side][*row.key] {
				delete(m.gone[side], *row.key)
				m.asked++
			}
		}
	}
	counts := port == 0 && m.kind.KeepsRight() || port == 1 && (m.kind.KeepsLeft() || m.kind == plan.SemiJoin)
	matched := 0
	for _, e := range m.sides[1-port] {
		var pair [2]joinRow
		pair[port], pair[1-port] = row, e.row
		if !m.partner(pair[0], pair[1]) {
			continue
		}
		matched += e.count
		if m.kind.ShowsRight() {
			show(sign, row.String(), e.row.String(), e.count)
		}
		if !counts {
			continue
		}
		turns := e.partners == 0
		if back {
			turns = e.partners == 1
			e.partners = max(e.partners-1, 0)
		} else {
			e.partners++
		}
		e.written = m.clock.context.Now
		switch {
		case !turns:
		case m.kind == plan.SemiJoin:
			show(sign, "", e.row.String(), e.count)
		case m.kind == plan.AntiJoin:
			show(other[sign], "", e.row.String(), e.count)
		default:
			show(other[sign], nothing, e.row.String(), e.count)
		}
	}
	keeps := port == 0 && m.kind.KeepsLeft() || port == 1 && m.kind.KeepsRight()
	if keeps && matched == 0 || port == 0 && m.kind == plan.SemiJoin && matched > 0 {
		show(sign, row.String(), nothing, 1)
	}
	m.keep(port, row, at, matched)
	return shown
}

// keep takes a row in, or out; at is where an equal one is.
func (m *expiringJoin) keep(port int, row joinRow, at, matched int) {
	now := m.clock.context.Now
	switch {
	case row.key == nil:
	case row.kind.Retracts():
		if at >= 0 {
			e := m.sides[port][at]
			e.count, e.written = e.count-1, now
			if e.count == 0 {
				m.sides[port] = slices.Delete(m.sides[port], at, at+1)
			}
		}
	case at >= 0 && !m.appends[port]:
		e := m.sides[port][at]
		e.count, e.partners, e.written = e.count+1, matched, now
	default:
		m.sides[port] = append(m.sides[port], &expiringRow{row: row, count: 1, partners: matched, written: now})
	}
}

// TestJoinExpires compares joins of rows that expire with the definition, a batch
// at a time, with restarts and with memory for a few rows.
func TestJoinExpires(t *testing.T) {
	spilled := false
	rapid.Check(t, func(rt *rapid.T) {
		clock := newTestClock()
		m := &expiringJoin{clock: clock, kind: rapid.SampledFrom(joinKinds).Draw(rt, "kind"), gone: [2]map[int64]bool{{}, {}}}
		for port := range m.ttl {
			m.ttl[port] = time.Duration(rapid.SampledFrom([]int{0, 5, 50, 500}).Draw(rt, "ttl")) * time.Millisecond
			m.appends[port] = rapid.Bool().Draw(rt, "appends")
		}
		if m.ttl[0]+m.ttl[1] == 0 {
			m.ttl[0] = time.Millisecond
		}
		node := &plan.Join{Kind: m.kind, Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}, TTL: m.ttl}
		conditional := rapid.Bool().Draw(rt, "conditional")
		if conditional {
			node.Condition = lessNumber()
		}
		m.partner = func(l, r joinRow) bool { return equalKeys(l, r, false) && (!conditional || l.v < r.v) }
		spill := state.NewMemorySpill()
		defer spill.Close() //nolint:errcheck // it is in memory
		limited := rapid.Bool().Draw(rt, "limited")
		start := func(saved storedState) *Join {
			env := clock.environment()
			env.Appends = m.appends
			if limited {
				env.Memory, env.Spill = 8<<10, spill
			}
			op, err := NewJoin(env, node)
			if err == nil {
				err = op.Load(saved)
			}
			if err != nil {
				rt.Fatal(err)
			}
			return op
		}
		saved, restarted := storedState{}, false
		op := start(saved)
		for range rapid.IntRange(0, 40).Draw(rt, "batches") {
			clock.pass(time.Duration(rapid.SampledFrom([]int{0, 1, 20, 100}).Draw(rt, "pass")) * time.Millisecond)
			port := rapid.IntRange(0, 1).Draw(rt, "port")
			var rows []joinRow
			var want []string
			for range rapid.IntRange(1, 8).Draw(rt, "batch") {
				row := joinRow{key: drawKey(rt), v: rapid.Int64Range(0, 2).Draw(rt, "v")}
				if !m.appends[port] && rapid.Bool().Draw(rt, "delete") {
					row.kind = batch.Delete
					if m.ttl[port] == 0 && !slices.ContainsFunc(m.sides[port], func(e *expiringRow) bool { return e.row.String() == row.String() }) {
						row.kind = batch.Insert // what was never there is not taken back
					}
				}
				rows, want = append(rows, row), append(want, m.process(port, row)...)
			}
			var got []string
			collect := func(b *batch.Batch) error {
				b.Each(func(i int) {
					sign := "+"
					if b.Kind(i).Retracts() {
						sign = "-"
					}
					got = append(got, sign+shownJoin(b, i))
				})
				return nil
			}
			if err := op.Process(port, joinBatch(rows), collect); err != nil {
				rt.Fatal(err)
			}
			if limited { // rows may wait for others to be read back
				if err := op.Flush(collect); problem.Is(err, problem.TooLarge) {
					return // one key has too many rows
				} else if err != nil {
					rt.Fatal(err)
				}
				spilled = spilled || op.spill.spilled
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("rows %v of input %d show %s", rows, port, diff)
			}
			switch rapid.SampledFrom([]string{"", "flush", "restart"}).Draw(rt, "then") {
			case "flush":
				if err := op.Flush(collect); err != nil {
					rt.Fatal(err)
				}
			case "restart":
				if err := op.Save(saved); err != nil {
					rt.Fatal(err)
				}
				op, restarted = start(saved), true
			}
		}
		if clock.asked > m.asked || clock.asked < m.asked && !restarted {
			rt.Fatalf("%d keys were asked for after they had expired, want %d", clock.asked, m.asked)
		}
	})
	if !spilled {
		t.Error("no join has spilled")
	}
}

// TestJoinForgetsWhatHasExpired: after a flush nothing of it is in memory, and
// after a Save nothing in stored state.
func TestJoinForgetsWhatHasExpired(t *testing.T) {
	clock := newTestClock()
	node := &plan.Join{Left: joinScan("l"), Right: joinScan("r"), Keys: []plan.JoinKey{{}}, TTL: [2]time.Duration{time.Minute, time.Hour}}
	op, err := NewJoin(clock.environment(), node)
	if err != nil {
		t.Fatal(err)
	}
	ignore := func(*batch.Batch) error { return nil }
	saved := storedState{}
	step := func(port int, key int64) {
		t.Helper()
		if err := op.Process(port, joinBatch([]joinRow{{key: &key, v: 1}}), ignore); err != nil {
			t.Fatal(err)
		}
		if err := op.Flush(ignore); err != nil {
			t.Fatal(err)
		}
		if err := op.Save(saved); err != nil {
			t.Fatal(err)
		}
	}
	step(0, 1)
	step(1, 1)
	if saved.size() != 2 {
		t.Fatalf("%d rows are stored, want 2", saved.size())
	}
	clock.pass(2 * time.Minute)
	step(1, 2)
	if saved.size() != 2 || op.sides[0].live() != 0 {
		t.Errorf("%d rows are stored and %d left rows held, want the right ones", saved.size(), op.sides[0].live())
	}
	step(1, 1)
	step(1, 1)
	if clock.asked != 1 {
		t.Errorf("%d keys were asked for after they had expired, want 1", clock.asked)
	}
}
