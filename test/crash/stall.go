package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	stallPace    = 100 * time.Millisecond // between two events of a partition
	stallWarmUp  = 3 * time.Second
	stallMax     = 5 * time.Second // until the table must be blocked
	stallHold    = 2 * time.Second // how long it stays so
	resumeMax    = 20 * time.Second
	stallWindow  = 2 * time.Second
	silentName   = "partition 1"
	stallSource  = "events"
	stallWatched = "per_window"
)

const stallDefinitions = `
CREATE TABLE events (
  id STRING NOT NULL,
  ts TIMESTAMP_LTZ(3),
  WATERMARK FOR ts AS ts - INTERVAL '0.5' SECOND
) WITH ('partitions' = '2');

CREATE MATERIALIZED TABLE per_window
FRESHNESS = INTERVAL '1' SECOND
AS
SELECT window_start, COUNT(*) AS events
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '2' SECOND))
GROUP BY window_start, window_end;
`

// progress is what a server says of a table.
type progress struct {
	FinalUntil *time.Time `json:"final_until"`
	BlockedBy  *string    `json:"blocked_by"`
	LateRows   int64      `json:"late_rows"`
}

// runStall lets partition 1 fall silent: the table over it must say so, and
// nothing may be lost when the partition comes back with what it had kept.
func runStall(ctx context.Context, s *server) error {
	if err := s.define(stallDefinitions); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	if _, err := s.waitReady(ctx); err != nil {
		return err
	}
	d := &drill{server: s}
	for begin := time.Now(); time.Since(begin) < stallWarmUp; time.Sleep(stallPace) {
		if err := d.post(ctx, 0, 1); err != nil {
			return err
		}
	}
	p, err := d.progress(ctx)
	if err != nil {
		return err
	}
	if p.BlockedBy != nil {
		return fmt.Errorf("blocked by %q before anything fell silent", *p.BlockedBy)
	}
	if err := d.stall(ctx); err != nil {
		return err
	}
	return d.resume(ctx)
}

// drill posts an event to each partition at every step, or keeps it.
type drill struct {
	server *server
	steps  int
	posted int64
	kept   []string // of the silent partition
}

func event(step, partition int, at time.Time) string {
	return fmt.Sprintf(`{"id":"%d/%d","ts":"%s"}`+"\n", step, partition, at.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// post posts an event of now to each of the partitions.
func (d *drill) post(ctx context.Context, partitions ...int) error {
	d.steps++
	for _, p := range partitions {
		if err := d.send(ctx, p, event(d.steps, p, time.Now())); err != nil {
			return err
		}
	}
	return nil
}

func (d *drill) send(ctx context.Context, partition int, text string) error {
	accepted, _, err := d.server.post(ctx, fmt.Sprintf("%s?partition=%d", stallSource, partition), "", text)
	d.posted += int64(accepted)
	return err
}

func (d *drill) progress(ctx context.Context) (p progress, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server.url("/api/v1/progress/"+stallWatched), nil)
	if err != nil {
		return p, err
	}
	return p, d.server.answer(request, &p)
}

// stall waits until the table is blocked by the silent partition, and sees that
// it stays so.
func (d *drill) stall(ctx context.Context) error {
	begin := time.Now()
	blocked := time.Duration(0)
	for blocked == 0 || time.Since(begin) < blocked+stallHold {
		d.kept = append(d.kept, event(d.steps+1, 1, time.Now()))
		if err := d.post(ctx, 0); err != nil {
			return err
		}
		p, err := d.progress(ctx)
		if err != nil {
			return err
		}
		names := p.BlockedBy != nil && strings.Contains(*p.BlockedBy, stallSource) && strings.Contains(*p.BlockedBy, silentName)
		switch {
		case names && blocked == 0:
			blocked = time.Since(begin)
			fmt.Printf("blocked after %.1f s: %s\n", blocked.Seconds(), *p.BlockedBy)
		case !names && (blocked > 0 || time.Since(begin) > stallMax):
			return fmt.Errorf("%.1f s after %s of %s fell silent, the table is blocked by %q", time.Since(begin).Seconds(), silentName, stallSource, deref(p.BlockedBy))
		case p.FinalUntil != nil && p.FinalUntil.After(begin):
			return fmt.Errorf("final until %s, although %s has been silent since %s", p.FinalUntil, silentName, begin)
		}
		time.Sleep(stallPace)
	}
	return nil
}

// resume lets the partition post what it kept, and waits until everything that
// was posted is in final windows.
func (d *drill) resume(ctx context.Context) error {
	if err := d.send(ctx, 1, strings.Join(d.kept, "")); err != nil {
		return err
	}
	begin := time.Now()
	due := begin.Truncate(stallWindow).Add(stallWindow) // the end of the stall's last window
	for time.Since(begin) < resumeMax {
		if err := d.post(ctx, 0, 1); err != nil {
			return err
		}
		p, err := d.progress(ctx)
		if err != nil {
			return err
		}
		if p.BlockedBy == nil && p.FinalUntil != nil && !p.FinalUntil.Before(due) {
			return d.complete(ctx, p)
		}
		time.Sleep(stallPace)
	}
	return fmt.Errorf("windows are not final %s after the partition came back", resumeMax)
}

// complete waits until everything that was posted is in a window.
func (d *drill) complete(ctx context.Context, p progress) error {
	if p.LateRows > 0 {
		return fmt.Errorf("%d rows were late", p.LateRows)
	}
	begin := time.Now()
	for {
		got, err := d.server.ask(ctx, "SELECT SUM(events) FROM "+stallWatched)
		if err != nil {
			return err
		}
		if got[0] == d.posted {
			fmt.Printf("%d events posted, all in windows, final again\n", d.posted)
			return nil
		}
		if got[0] > d.posted || time.Since(begin) > resumeMax {
			return fmt.Errorf("%d events in windows, %d were posted", got[0], d.posted)
		}
		time.Sleep(stallPace)
	}
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
