package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const freshnessPoll = 10 * time.Millisecond

// watch asks which probes can be seen, until everything is posted and all can.
func (b *freshnessBench) watch(watching context.Context, posted <-chan struct{}) error {
	ticker := time.NewTicker(freshnessPoll)
	defer ticker.Stop()
	for {
		done := false
		select {
		case <-posted:
			done = true
		default:
		}
		if oldest := b.oldestProbe(); oldest != "" {
			a, err := ask(watching, b.url, "SELECT campaign FROM dws_campaign_minute WHERE campaign >= '"+oldest+"' AND campaign LIKE 'probe %'")
			switch {
			case watching.Err() != nil:
				return nil // what is still on its way counts as lost
			case err != nil:
				return err
			}
			b.note(a, time.Now())
		} else if done {
			return nil
		}
		select {
		case <-ticker.C:
		case <-watching.Done():
			return nil
		}
	}
}

// oldestProbe is the first of those on their way; "" when there is none.
func (b *freshnessBench) oldestProbe() (oldest string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for probe := range b.mu.acknowledged {
		if oldest == "" || probe < oldest {
			oldest = probe
		}
	}
	return oldest
}

// note notes the probes of an answer that came at now.
func (b *freshnessBench) note(a *httpAnswer, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.reused += a.reused()
	for _, row := range a.Rows {
		probe := strings.TrimSpace(fmt.Sprint(row[0]))
		if acknowledged, waits := b.mu.acknowledged[probe]; waits {
			delete(b.mu.acknowledged, probe)
			b.mu.fresh = append(b.mu.fresh, now.Sub(acknowledged))
		}
	}
}

// tally is a number that tables give, and what it has to be.
type tally struct {
	what      string
	questions []string // whose answers are added up
	want      int64
}

// check counts the rows of all tables, until each is there once; it tells what is
// missing or too many in the end.
func (b *freshnessBench) check(ctx context.Context) (missing []string, err error) {
	deadline := time.Now().Add(freshnessWaitMax)
	for {
		if missing, err = b.missing(ctx); err != nil || len(missing) == 0 || !waitUntil(ctx, time.Now().Add(10*freshnessPoll)) || time.Now().After(deadline) {
			return missing, err
		}
	}
}

func (b *freshnessBench) missing(ctx context.Context) (missing []string, err error) {
	cleaned, err := b.sum(ctx, "SELECT COUNT(*) FROM ods_impressions WHERE campaign_id > 0", "SELECT COUNT(*) FROM ods_clicks WHERE campaign_id > 0")
	if err != nil {
		return nil, err
	}
	tallies := []tally{
		{"impressions", []string{"SELECT COUNT(*) FROM ods_impressions", "SELECT COUNT(*) FROM `ods_impressions$quarantine`"}, b.mu.impressions},
		{"clicks", []string{"SELECT COUNT(*) FROM ods_clicks", "SELECT COUNT(*) FROM `ods_clicks$quarantine`"}, b.mu.clicks},
		{"rows of dwd_events", []string{"SELECT COUNT(*) FROM dwd_events"}, cleaned},
		{"rows in windows", []string{"SELECT SUM(impressions + clicks + errors) FROM dws_campaign_minute", "SELECT COUNT(*) FROM `dws_campaign_minute$late`"}, cleaned},
	}
	if b.load.upserts > 0 {
		rows, revisions := b.upserts.expected()
		tallies = append(tallies, tally{"rows of devices", []string{"SELECT COUNT(*) FROM device_minutes"}, rows}, tally{"revisions of devices", []string{"SELECT SUM(revision) FROM device_minutes"}, revisions})
	}
	for _, t := range tallies {
		is, err := b.sum(ctx, t.questions...)
		if err != nil {
			return nil, err
		}
		if is != t.want {
			missing = append(missing, fmt.Sprintf("%s: %d, not %d", t.what, is, t.want))
		}
	}
	return missing, nil
}

// sum asks for numbers and adds them up; one that is NULL counts as 0.
func (b *freshnessBench) sum(ctx context.Context, questions ...string) (total int64, err error) {
	for _, q := range questions {
		a, err := ask(ctx, b.url, q)
		if err != nil {
			return 0, fmt.Errorf("count: %w", err)
		}
		var n int64
		if text := fmt.Sprint(a.Rows[0][0]); text != "<nil>" {
			if _, err := fmt.Sscan(text, &n); err != nil {
				return 0, fmt.Errorf("read the answer to %s: %w", q, err)
			}
		}
		total += n
	}
	return total, nil
}
