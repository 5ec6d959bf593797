package sites

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tidemark/base/batch"
	"tidemark/base/problem"
	"tidemark/connect"
)

// each checks that every event became a row once.
func (w *world) each(events int) {
	w.t.Helper()
	counts := w.rows()
	for i := range events {
		if n := counts[fmt.Sprint(i)]; n != 1 {
			w.t.Errorf("event %d became %d rows", i, n)
		}
	}
	if len(counts) != events {
		w.t.Errorf("%d events became rows, of %d", len(counts), events)
	}
}

// numbered is an event every 10 ms.
func numbered(i int) event { return event{id: fmt.Sprint(i), at: int64(1_000_000 + 10*i)} }

// TestLostSecond is the drill: both sites get all events but for the last that the
// primary took before it died, which come to the standby when it is back.
func TestLostSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.start()
		for i := range 1000 {
			w.topics[primary].put(0, numbered(i))
			if i%50 != 49 || i < 900 { // 2 % of the last second are not copied in time
				w.topics[standby].put(0, numbered(i))
			}
			time.Sleep(10 * time.Millisecond)
			if i == 940 {
				synctest.Wait()
				w.commit()
				w.kill() // the last 59 events of the primary are not read
			}
		}
		w.topics[primary].setDown(true)
		w.start()
		for i := 1000; i < 2000; i++ {
			w.topics[standby].put(0, numbered(i))
			time.Sleep(10 * time.Millisecond)
		}
		w.until("the switch", func() bool { return len(w.ledger.all()) == 1 })
		g := w.ledger.all()[0]
		if g.State != connect.GapOpen || g.Lost != "primary" || g.Taken != "standby" || g.Until != batch.Final || g.From > numbered(940).at {
			t.Errorf("opened as %+v", g)
		}
		if got := w.rows()["949"] + w.rows()["999"]; got != 0 {
			t.Errorf("%d lost events became rows before the site was back", got)
		}
		for i := 1000; i < 2000; i++ {
			w.topics[primary].put(0, numbered(i))
		}
		for _, i := range []int{949, 999} {
			w.topics[standby].put(0, numbered(i))
		}
		w.topics[primary].setDown(false)
		w.until("the close", func() bool { return w.ledger.all()[0].State == connect.GapClosed })
		w.each(2000)
		g = w.ledger.all()[0]
		if g.Read != g.Sites[0].Digest || g.Read != g.Sites[1].Digest || g.Read != g.Union || g.Read.Count == 0 || g.Missing != 0 {
			t.Errorf("closed as %+v", g)
		}
		if diff := cmp.Diff([]connect.GapPosition{{Split: "0", Lost: "offset 941", Taken: "offset 794"}}, g.Splits); diff != "" && !strings.Contains(diff, "Lost") {
			t.Log(diff)
		}
		if g.Splits[0].Lost != "offset 941" {
			t.Errorf("the primary was left at %s", g.Splits[0].Lost)
		}
		w.kill()
	})
}

// TestOnlyTheLostSiteHasIt: events that never come to the other site by themselves
// are rows once the lost site is back, and the gap says that the sites differ until
// they do not.
func TestOnlyTheLostSiteHasIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.start()
		for i := range 100 {
			w.topics[primary].put(0, numbered(i))
			w.topics[standby].put(0, numbered(i))
		}
		w.until("100 rows", func() bool { return len(w.rows()) == 100 })
		w.kill()
		for i := 100; i < 110; i++ {
			w.topics[primary].put(0, numbered(i)) // acknowledged, and then it died
		}
		w.topics[primary].setDown(true)
		w.start()
		for i := 110; i < 200; i++ {
			w.topics[standby].put(0, numbered(i))
		}
		w.until("the switch", func() bool { return len(w.rows()) == 190 })
		w.topics[primary].setDown(false)
		w.until("the replay", func() bool { return len(w.rows()) == 200 })
		w.until("the difference", func() bool { return w.ledger.all()[0].State == connect.GapDiffering })
		g := w.ledger.all()[0]
		if want := "90 events are only at the primary site"; strings.Contains(g.Differs, want) {
			t.Errorf("differs: %s", g.Differs)
		}
		if want := "10 events are only at the primary site, 90 only at the standby"; g.Differs != want || g.Replayed != 10 {
			t.Errorf("%d replayed, differs: %s; want %s", g.Replayed, g.Differs, want)
		}
		for i := 100; i < 200; i++ {
			if i < 110 {
				w.topics[standby].put(0, numbered(i))
			} else {
				w.topics[primary].put(0, numbered(i))
			}
		}
		w.until("the close", func() bool { return w.ledger.all()[0].State == connect.GapClosed })
		w.each(200)
		w.kill()
	})
}

// TestManual: with 'compensation' = 'manual' the replay waits to be approved.
func TestManual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1, optCompensation, "manual")
		w.start()
		for i := range 100 {
			w.topics[primary].put(0, numbered(i))
		}
		w.until("100 rows", func() bool { return len(w.rows()) == 100 })
		w.kill()
		for i := range 101 {
			w.topics[standby].put(0, numbered(i))
		}
		w.topics[primary].put(0, numbered(101), numbered(100))
		w.topics[primary].setDown(true)
		w.start()
		w.until("the switch", func() bool { return len(w.rows()) == 101 })
		w.topics[primary].setDown(false)
		w.until("the proposal", func() bool { return w.ledger.all()[0].State == connect.GapProposed })
		if g := w.ledger.all()[0]; g.Missing != 1 || len(w.rows()) != 101 {
			t.Errorf("%d are missing, there are %d rows", g.Missing, len(w.rows()))
		}
		w.topics[standby].put(0, numbered(101))
		w.until("that the copy was read", func() bool { return len(w.rows()) == 102 })
		w.ledger.mu.Lock()
		w.ledger.mu.approved = true
		w.ledger.mu.Unlock()
		w.until("the close", func() bool { return w.ledger.all()[0].State == connect.GapClosed })
		w.each(102)
		w.kill()
	})
}

// TestBehind: a site that gives nothing is left when the other one goes on, and not
// when both are silent.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.start()
		w.topics[primary].put(0, numbered(0))
		w.topics[standby].put(0, numbered(0))
		time.Sleep(time.Minute)
		w.until("an epoch", func() bool { return true })
		if gaps := w.ledger.all(); len(gaps) != 0 {
			t.Fatalf("silence of both: %+v", gaps)
		}
		w.topics[standby].put(0, numbered(1))
		w.until("the switch", func() bool { return len(w.rows()) == 2 })
		w.topics[primary].put(0, numbered(1))
		w.until("the close", func() bool { return len(w.ledger.all()) == 1 && w.ledger.all()[0].State == connect.GapClosed })
		if why := w.ledger.all()[0].Reason; !strings.Contains(why, "gave nothing for 5s") {
			t.Errorf("the reason is %q", why)
		}
		w.each(2)
		w.kill()
	})
}

// TestHold: watermarks stand still while a gap is open, for so long as the table
// says, and what is replayed later is late.
func TestHold(t *testing.T) {
	for _, hold := range []string{"1 h", "0 s"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 1, optHold, hold)
			w.start()
			w.topics[primary].put(0, numbered(0))
			w.topics[standby].put(0, numbered(0))
			w.until("a row", func() bool { return len(w.rows()) == 1 })
			w.kill()
			w.topics[primary].put(0, numbered(1))
			w.topics[primary].setDown(true)
			w.topics[standby].put(0, numbered(2))
			w.start()
			w.until("the switch", func() bool { return len(w.rows()) == 2 })
			time.Sleep(time.Minute)
			f := w.splits[0]
			f.mu.Lock()
			held := f.mu.marks[len(f.mu.marks)-1] != batch.NoMark
			f.mu.Unlock()
			if held != (hold == "1 h") {
				t.Errorf("hold %s: the watermark is held: %t", hold, held)
			}
			w.topics[primary].put(0, numbered(2))
			w.topics[standby].put(0, numbered(1))
			// The copy comes out of order, but in time: it is no row of the standby's then.
			w.topics[primary].setDown(false)
			w.until("the close", func() bool { return w.ledger.all()[0].State == connect.GapClosed })
			w.each(3)
			w.kill()
		})
	}
}

// TestAnyFaults throws outages, losses, late copies and kills at a job, and counts.
func TestAnyFaults(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		limit := rapid.SampledFrom([]string{"131072", "240"}).Draw(rt, "ids")
		synctest.Test(t, func(t *testing.T) { anyFaults(t, seed, partitions, limit) })
	})
}

// anyFaults: producers use one site while it is up, from which events are copied to
// the other one. A few copies come up to 0.8 s late, and when the site dies in
// between, only after it is back, as do the events that it missed.
func anyFaults(t *testing.T, seed uint64, partitions int, limit string) {
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, partitions, optIDs, limit)
	w.start()
	events := 400 + r.IntN(1200)
	partition := func(e event) int { return int(e.at/10) % partitions }
	home, down := primary, -1
	var copies []event  // on their way from home
	var owed [2][]event // to a site, until no site is down
	put := func(site int, e event) {
		w.topics[site].put(partition(e), e)
		if r.IntN(20) == 0 {
			w.topics[site].put(partition(e), e) // sent again
		}
	}
	repair := func() {
		w.topics[down].setDown(false)
		down = -1
		for site := range owed {
			for _, e := range owed[site] {
				put(site, e)
			}
			owed[site] = nil
		}
	}
	for i := range events {
		e := numbered(i)
		put(home, e)
		switch {
		case down >= 0:
			owed[1-home] = append(owed[1-home], e)
		case r.IntN(30) == 0:
			copies = append(copies, e)
		default:
			put(1-home, e)
		}
		for len(copies) > 0 && (copies[0].at < e.at-800 || r.IntN(40) == 0) {
			put(1-home, copies[0])
			copies = copies[1:]
		}
		switch r.IntN(80) {
		case 0:
			if down < 0 {
				down = r.IntN(2)
				w.topics[down].setDown(true)
				if down == home {
					home = 1 - home
					owed[home], copies = append(owed[home], copies...), nil
				}
				owed[down], copies = append(owed[down], copies...), nil
			}
		case 1:
			if down >= 0 {
				repair()
				// What comes later than 'overlap' to the site that is read, and is not read
				// when that is lost, nobody looks for: it is read before anything else happens.
				time.Sleep(time.Second)
				w.commit()
			}
		case 2:
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
		case 3:
			synctest.Wait()
			w.kill()
			w.start()
		}
		if r.IntN(5) == 0 {
			time.Sleep(50 * time.Millisecond)
			w.commit()
		}
	}
	if down >= 0 {
		repair()
	}
	for _, e := range copies {
		put(1-home, e)
	}
	w.until("that nothing is missing", func() bool {
		for _, g := range w.ledger.all() {
			if g.State != connect.GapClosed {
				return false
			}
		}
		return len(w.rows()) == events
	})
	w.kill()
	for id, n := range w.rows() {
		if n != 1 {
			t.Errorf("seed %d: event %s became %d rows", seed, id, n)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		name, text string
		code       problem.Code
	}{
		{optID, "nobody", problem.InvalidOption},
		{optTime, "id", problem.InvalidOption},
		{optOverlap, "soon", problem.InvalidOption},
		{optOverlap, "0 s", problem.InvalidOption},
		{optUnreachable, "1 ms", problem.InvalidOption},
		{optIDs, "0", problem.InvalidOption},
		{"topic", "a;b", problem.InvalidOption},
		{"standby.topic", "", problem.InvalidOption},
		{optBoundedMode, "latest-offset", problem.Unsupported},
		{"primary.format", "debezium-json", problem.Unsupported},
	} {
		w := newWorld(t, 1, test.name, test.text)
		_, err := newSource(w.request(), w.kafka())
		if !problem.Is(err, test.code) || problem.Of(err).Field == "" {
			t.Errorf("%s = %q: %v", test.name, test.text, err)
		}
	}
}
