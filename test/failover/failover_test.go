// Package failover is the drill of a table of two sites: one site dies in the middle
// of a stream, and comes back; Tidemark is killed while it goes to the other one
// and while it adds what was missing.
//
// It uses two fake brokers, or, with SITES, two real ones or two other Tidemarks.
// OUTAGE is how long the site is away, RATE how many events come a second. It needs
// the program: TIDEMARK_BIN names it, or it is built.
package failover

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tidemark/serve/httpapi"
)

const (
	partitions = 2
	settleMax  = 2 * time.Minute // for what follows from what has happened
	pause      = 50 * time.Millisecond
)

const definitions = `
CREATE TABLE clicks (
  id BIGINT, v BIGINT, ts TIMESTAMP_LTZ(3),
  WATERMARK FOR ts AS ts - INTERVAL '3' SECOND
) WITH (
  'connector' = 'sites', 'topic' = 'clicks', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601', 'scan.startup.mode' = 'earliest-offset',
  'primary.properties.bootstrap.servers' = '%s', 'standby.properties.bootstrap.servers' = '%s',
  'event-id' = 'id', 'event-time' = 'ts', 'overlap' = '2 s', 'unreachable-after' = '1 s', 'hold' = '1 h'%s
);
CREATE MATERIALIZED TABLE per_event AS SELECT id, COUNT(*) AS n FROM clicks GROUP BY id;
CREATE MATERIALIZED TABLE per_second AS
SELECT window_start, COUNT(*) AS n, SUM(v) AS total
FROM TABLE(TUMBLE(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' SECOND)) GROUP BY window_start, window_end;
`

func setting(t testing.TB, name string, otherwise string) string {
	t.Helper()
	if text := os.Getenv(name); text != "" {
		return text
	}
	return otherwise
}

// TestDrill: the primary dies for a while, with 2 % of its last second at no other
// site, and 5 % of the events sent twice. In the end every event counts once, no gap
// is open, and the report names interval and counts.
func TestDrill(t *testing.T) {
	outage, err := time.ParseDuration(setting(t, "OUTAGE", "4s"))
	if err != nil {
		t.Fatal(err)
	}
	rate, err := strconv.Atoi(setting(t, "RATE", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	kind := setting(t, "SITES", "fake")
	a, b := newSite(t, kind), newSite(t, kind)
	s := newServer(t)
	s.define(fmt.Sprintf(definitions, a.address(), b.address(), ""))
	stream := newStream(t, a, b, rate)
	defer stream.stop()

	s.settles("SELECT COUNT(*) > 0 FROM per_event", "true")
	time.Sleep(3 * time.Second) // of ordinary life
	stream.loseSecond()         // 2 % of it are not copied
	time.Sleep(500 * time.Millisecond)
	s.kill() // the second half of it is read by nobody
	stream.loses(5)
	stream.killPrimary()
	s.start()
	time.Sleep(900 * time.Millisecond) // the switch is due just now
	s.kill()
	s.start()
	open := s.gapsUntil("a gap of each job", func(gaps []httpapi.Gap) bool { return len(gaps) == 2 })
	for _, g := range open {
		if g.State == "closed" || g.Lost != "primary" || g.Until != nil {
			t.Errorf("while the primary is away: %+v", g)
		}
		if final := s.finalUntil(g.Job); final == nil || g.From == nil || final.After(*g.From) {
			t.Errorf("%s is final until %v, with a gap from %v", g.Job, final, g.From)
		}
	}
	if left := outage - 2*time.Second; left > 0 {
		time.Sleep(left)
	}
	began := time.Now()
	stream.revivePrimaryAlone()
	s.gapsUntil("the comparing", func(gaps []httpapi.Gap) bool {
		for _, g := range gaps {
			if g.State != "open" {
				return true
			}
		}
		return false
	})
	s.kill() // in the middle of the comparing, or of the replay
	s.start()
	s.gapsUntil("the replay", func(gaps []httpapi.Gap) bool {
		for _, g := range gaps {
			if g.Replayed == 0 {
				return false
			}
		}
		return true
	})
	stream.copyRest() // as what mirrors the sites does sooner or later
	closed := s.gapsUntil("the close of all gaps", func(gaps []httpapi.Gap) bool {
		for _, g := range gaps {
			if g.State != "closed" {
				return false
			}
		}
		return len(gaps) == 2
	})
	t.Logf("closed %v after the site was back", time.Since(began).Round(time.Millisecond))
	stream.stop()
	for _, g := range closed {
		c := g.Compared
		if c == nil || c.Primary != c.Standby || c.Primary != c.Read || c.Read.Count == 0 || g.Missing != 0 || g.Late != 0 || g.From == nil || g.Until == nil {
			t.Errorf("closed as %+v", g)
			continue
		}
		t.Logf("gap %s: event time %s to %s, %d events at each site, digest %s, %d replayed, %d copies dropped", g.ID, g.From.Format(time.TimeOnly), g.Until.Format(time.TimeOnly), c.Read.Count, c.Read.Hash, g.Replayed, g.Dropped)
	}
	if closed[0].Replayed == 0 || len(stream.lost) == 0 {
		t.Errorf("%d events were lost and %d replayed: nothing was shown", len(stream.lost), closed[0].Replayed)
	}

	// Every event counts once, everywhere.
	total := stream.sent()
	t.Logf("%d events, %d of them lost with the site, %d sent twice", total, len(stream.lost), stream.repeated)
	s.settles("SELECT COUNT(*) FROM per_event", strconv.Itoa(total))
	s.settles("SELECT COUNT(*) FROM per_event WHERE n <> 1", "0")
	want := stream.perSecond()
	s.settles(fmt.Sprintf("SELECT COUNT(*) >= %d FROM per_second", len(want)), "true")
	got := s.rows("SELECT window_start, n, total FROM per_second")
	sort.Strings(got)
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("per second (-want +got):\n%s", diff)
	}
	if late := s.rows("SELECT COUNT(*) FROM per_second$late"); late[0] != "0" {
		t.Errorf("%s rows came too late", late[0])
	}
}

// TestManual: with 'compensation' = 'manual' the gap tells what it would add, and
// adds it when it is told to.
func TestManual(t *testing.T) {
	a, b := newSite(t, setting(t, "SITES", "fake")), newSite(t, setting(t, "SITES", "fake"))
	s := newServer(t)
	s.define(fmt.Sprintf(definitions, a.address(), b.address(), ", 'compensation' = 'manual'"))
	stream := newStream(t, a, b, 300)
	defer stream.stop()
	s.settles("SELECT COUNT(*) > 300 FROM per_event", "true")
	// What the primary takes now is read by nobody, as the server is down, and is not
	// copied.
	s.kill()
	stream.loseSecond()
	stream.loses(5)
	stream.killPrimary()
	s.start()
	s.gapsUntil("a gap of each job", func(gaps []httpapi.Gap) bool { return len(gaps) == 2 })
	stream.revivePrimaryAlone()
	proposed := s.gapsUntil("the proposals", func(gaps []httpapi.Gap) bool {
		for _, g := range gaps {
			if g.State != "proposed" {
				return false
			}
		}
		return true
	})
	for _, g := range proposed {
		if g.Missing != int64(len(stream.lost)) || g.Proposal == nil || !strings.Contains(*g.Proposal, "tidemark gaps close "+g.ID) {
			t.Errorf("of %d lost events: %+v", len(stream.lost), g)
		}
		s.run("gaps", "close", g.ID)
	}
	s.kill() // in the middle of it
	s.start()
	s.gapsUntil("the difference", func(gaps []httpapi.Gap) bool {
		for _, g := range gaps {
			if g.State != "differing" || g.Replayed != int64(len(stream.lost)) {
				return false
			}
		}
		return true
	})
	if said := s.run("gaps", "show", proposed[0].ID); !strings.Contains(said, "are only at the primary site") {
		t.Errorf("gaps show says:\n%s", said)
	}
	stream.copyRest()
	s.gapsUntil("the close", func(gaps []httpapi.Gap) bool {
		for _, g := range gaps {
			if g.State != "closed" {
				return false
			}
		}
		return true
	})
	stream.stop()
	s.settles("SELECT COUNT(*) FROM per_event", strconv.Itoa(stream.sent()))
	s.settles("SELECT COUNT(*) FROM per_event WHERE n <> 1", "0")
	if said := s.run("gaps"); strings.Count(said, "closed") != 2 {
		t.Errorf("gaps says:\n%s", said)
	}
}

func decode(t testing.TB, body []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}
