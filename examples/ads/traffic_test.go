package ads

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

func TestSameSeedSameTraffic(t *testing.T) {
	start := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	whole, steps := NewTraffic(7, 50, start), NewTraffic(7, 50, start)
	all := whole.Until(start.Add(10 * time.Minute))
	var impressions, clicks []byte
	for at := start; !at.After(start.Add(10 * time.Minute)); at = at.Add(time.Second) {
		e := steps.Until(at)
		impressions, clicks = append(impressions, e.Impressions...), append(clicks, e.Clicks...)
	}
	if !bytes.Equal(all.Impressions, impressions) || !bytes.Equal(all.Clicks, clicks) {
		t.Error("drawing in steps gives other events than drawing at once")
	}
	if n := bytes.Count(all.Impressions, []byte("\n")); n != all.ImpressionRows || n < 10_000 || n > 60_000 {
		t.Errorf("%d impressions, counted as %d", n, all.ImpressionRows)
	}
}

func TestTrafficHasLateAndBadRows(t *testing.T) {
	start := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	traffic := NewTraffic(1, 100, start)
	bad, late, total, newest := 0, 0, 0, time.Time{}
	for at := start; at.Before(start.Add(20 * time.Minute)); at = at.Add(time.Second) {
		for _, line := range bytes.Split(bytes.TrimSpace(traffic.Until(at).Impressions), []byte("\n")) {
			if len(line) == 0 {
				continue
			}
			total++
			var row struct {
				CampaignID int64     `json:"campaign_id"`
				TS         time.Time `json:"ts"`
			}
			if json.Unmarshal(line, &row) != nil {
				bad++
				continue
			}
			if row.TS.After(at) {
				t.Fatalf("at %s a row of %s has arrived", at, row.TS)
			}
			if row.TS.Before(newest.Add(-5 * time.Second)) {
				late++
			}
			if row.TS.After(newest) {
				newest = row.TS
			}
		}
	}
	if bad == 0 || late == 0 || bad > total/100 || late > total/50 {
		t.Errorf("of %d rows %d are bad and %d late", total, bad, late)
	}
}
