package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"time"

	"tidemark/control/pipeline"
	"tidemark/examples/ads"
)

// The load of freshness.
const (
	freshnessPosts    = 20 // a second
	freshnessPosters  = 4  // at the same time
	freshnessBodyMax  = 1 << 20
	freshnessStepMax  = 250 * time.Millisecond // of traffic that is posted at once
	freshnessProbe    = 200 * time.Millisecond // between posts whose way is followed
	freshnessAsks     = 20                     // dashboard questions a second
	freshnessPoll     = 10 * time.Millisecond
	freshnessMax      = time.Second      // the bar
	freshnessWaitMax  = 10 * time.Second // for the last probes
	freshnessAskTable = "dws_campaign_minute"
)

// dashboardQuestions are what a page of the ad project asks.
var dashboardQuestions = []string{
	"SELECT window_start, impressions, clicks, errors, revenue FROM ads_minute ORDER BY window_start DESC LIMIT 60",
	"SELECT campaign, SUM(impressions) AS impressions, SUM(clicks) AS clicks, SUM(revenue) AS revenue FROM dws_campaign_minute GROUP BY campaign ORDER BY impressions DESC LIMIT 10",
	"SELECT SUM(impressions) AS impressions, SUM(clicks) AS clicks FROM ads_minute",
}

// freshnessResult is what freshness measured.
type freshnessResult struct {
	Rate            float64 `json:"rate"` // that was asked for
	EventsPerSecond float64 `json:"events_per_second"`
	Events          int64   `json:"events"`
	Probes          int     `json:"probes"`
	FreshP50        float64 `json:"freshness_p50_ms"`
	FreshP99        float64 `json:"freshness_p99_ms"`
	Questions       int     `json:"questions"`
	AskP50          float64 `json:"question_p50_ms"`
	AskP99          float64 `json:"question_p99_ms"`
	PostP50         float64 `json:"post_p50_ms"`
	PostP99         float64 `json:"post_p99_ms"`
	consumption
	Startup *startupResult `json:"startup,omitempty"`
	lost    int
}

func (r *freshnessResult) wrong() string {
	if r.lost > 0 {
		return fmt.Sprintf("%d of %d probes were acknowledged and never seen in an answer", r.lost, r.Probes)
	}
	return ""
}

func (r *freshnessResult) print(w io.Writer) {
	verdict := "OK"
	if r.FreshP99 > milliseconds(freshnessMax) {
		verdict = "above the bar of 1 s"
	}
	fmt.Fprintf(w, "freshness: %s events in %.1f s\n", grouped(float64(r.Events)), r.Seconds)
	fmt.Fprintf(w, "  %-28s %s (%s wanted)\n", "events/s", grouped(r.EventsPerSecond), grouped(r.Rate))
	fmt.Fprintf(w, "  %-28s p50 %.0f ms, p99 %.0f ms (%d probes): %s\n", "acknowledged until visible", r.FreshP50, r.FreshP99, r.Probes, verdict)
	fmt.Fprintf(w, "  %-28s p50 %.0f ms, p99 %.0f ms (%d)\n", "questions", r.AskP50, r.AskP99, r.Questions)
	fmt.Fprintf(w, "  %-28s p50 %.0f ms, p99 %.0f ms\n", "posts", r.PostP50, r.PostP99)
	fmt.Fprintf(w, "  %-28s %.1f\n", "CPU seconds", r.CPUSeconds)
	fmt.Fprintf(w, "  %-28s %d MiB\n", "peak memory", r.PeakBytes/mebibyte)
	if r.Startup != nil {
		r.Startup.print(w)
	}
}

// freshnessBench posts, asks, and follows probes: events with a campaign of
// their own, which is a row of the dashboard's table when they are visible.
type freshnessBench struct {
	url string
	mu  struct {
		sync.Mutex
		acknowledged map[string]time.Time // probes on their way
		fresh        durations
		asks, posts  durations
		events       int64
	}
}

func (o *benchOptions) freshness(ctx context.Context, c *console) (*freshnessResult, error) {
	s, remove, err := temporaryServer(ctx, c, o.parallelism)
	if err != nil {
		return nil, err
	}
	defer remove()
	running := true
	defer func() {
		if running {
			s.close()
		}
	}()
	files, err := fs.Sub(ads.Project, "project")
	if err != nil {
		return nil, err
	}
	project, err := pipeline.ReadProject(files, "")
	if err != nil {
		return nil, err
	}
	if err := s.pipeline.Deploy(ctx, project); err != nil {
		return nil, err
	}
	b := &freshnessBench{url: s.url()}
	b.mu.acknowledged = map[string]time.Time{}
	used := startMeasuring()
	r, err := b.run(ctx, o.rate, time.Duration(o.seconds*float64(time.Second)))
	if err != nil {
		return nil, err
	}
	used.stop(0)
	r.consumption = *used
	running = false
	s.close()
	if o.seconds >= startupAfterSeconds {
		if r.Startup, err = measureStartup(ctx, s.options.data); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (b *freshnessBench) run(ctx context.Context, rate float64, span time.Duration) (*freshnessResult, error) {
	posting, stopPosting := context.WithTimeout(ctx, span)
	defer stopPosting()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	posted := make(chan struct{}) // closed when everything is acknowledged
	var failed [3]error
	var loads, watcher sync.WaitGroup
	begin := time.Now()
	loads.Go(func() { failed[0] = b.post(posting, ctx, rate) })
	loads.Go(func() { failed[1] = b.dashboards(posting, ctx) })
	watcher.Go(func() { failed[2] = b.watch(watching, posted) })
	loads.Wait()
	took := time.Since(begin)
	close(posted)
	giveUp := time.AfterFunc(freshnessWaitMax, stopWatching)
	watcher.Wait()
	giveUp.Stop()
	if err := errors.Join(failed[:]...); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return &freshnessResult{
		Rate:   rate,
		Events: b.mu.events, EventsPerSecond: float64(b.mu.events) / took.Seconds(),
		Probes: len(b.mu.fresh) + len(b.mu.acknowledged), lost: len(b.mu.acknowledged),
		FreshP50: milliseconds(b.mu.fresh.part(0.5)), FreshP99: milliseconds(b.mu.fresh.part(0.99)),
		Questions: len(b.mu.asks), AskP50: milliseconds(b.mu.asks.part(0.5)), AskP99: milliseconds(b.mu.asks.part(0.99)),
		PostP50: milliseconds(b.mu.posts.part(0.5)), PostP99: milliseconds(b.mu.posts.part(0.99)),
	}, nil
}

// post posts traffic as it arises, until posting ends.
func (b *freshnessBench) post(posting, ctx context.Context, rate float64) error {
	at := time.Now()
	traffic := ads.NewTraffic(1, rate, at)
	ticker := time.NewTicker(time.Second / freshnessPosts)
	defer ticker.Stop()
	var all sync.WaitGroup
	places := make(chan struct{}, freshnessPosters)
	failed := make(chan error, freshnessPosters)
	probed := time.Time{}
	for n := 0; ; n++ {
		select {
		case <-ticker.C:
		case err := <-failed:
			all.Wait()
			return err
		case <-posting.Done():
			all.Wait()
			close(failed)
			return <-failed // nil when there is none
		}
		// A machine that cannot keep up posts less a second, not more at once.
		now := time.Now()
		at = at.Add(min(now.Sub(at), freshnessStepMax))
		events := traffic.Until(at)
		var probe string
		if now.Sub(probed) >= freshnessProbe {
			probed = now
			probe = fmt.Sprintf("probe %d", n)
			events.Impressions = appendProbe(events.Impressions, probe, at)
			events.ImpressionRows++
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if err := b.send(ctx, events, probe); err != nil {
				select {
				case failed <- err:
				default: // one is enough
				}
			}
		})
	}
}

// send posts events in bodies of a usual size, and notes when the last one,
// which has the probe, was acknowledged.
func (b *freshnessBench) send(ctx context.Context, events ads.Events, probe string) error {
	if err := b.sendParts(ctx, "ods_clicks", events.Clicks); err != nil {
		return err
	}
	if err := b.sendParts(ctx, "ods_impressions", events.Impressions); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.events += int64(events.ImpressionRows + events.ClickRows)
	if probe != "" {
		b.mu.acknowledged[probe] = time.Now()
	}
	return nil
}

func (b *freshnessBench) sendParts(ctx context.Context, table string, body []byte) error {
	for len(body) > 0 {
		part := body
		if len(body) > freshnessBodyMax {
			part = body[:bytes.LastIndexByte(body[:freshnessBodyMax], '\n')+1]
		}
		body = body[len(part):]
		begin := time.Now()
		if err := sendTo(ctx, b.url+"/api/v1/events/"+table, part); err != nil {
			return err
		}
		b.mu.Lock()
		b.mu.posts = append(b.mu.posts, time.Since(begin))
		b.mu.Unlock()
	}
	return nil
}

// appendProbe appends an impression of a campaign that no other has.
func appendProbe(body []byte, campaign string, at time.Time) []byte {
	return fmt.Appendf(body, `{"request_id":%q,"campaign_id":1,"campaign":%q,"device":"phone","device_id":"probe","cost":"0","error":null,"ts":%q}`+"\n",
		campaign, campaign, at.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// dashboards asks as pages do, each question when it is due.
func (b *freshnessBench) dashboards(posting, ctx context.Context) error {
	ticker := time.NewTicker(time.Second / freshnessAsks)
	defer ticker.Stop()
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for n := 0; ; n++ {
		select {
		case <-ticker.C:
		case <-posting.Done():
			all.Wait()
			return failed
		}
		all.Go(func() {
			begin := time.Now()
			_, err := ask(ctx, b.url, dashboardQuestions[n%len(dashboardQuestions)])
			took := time.Since(begin)
			b.mu.Lock()
			b.mu.asks = append(b.mu.asks, took)
			b.mu.Unlock()
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
}

// watch asks which probes can be seen, until everything is posted and all can.
func (b *freshnessBench) watch(watching context.Context, posted <-chan struct{}) error {
	ticker := time.NewTicker(freshnessPoll)
	defer ticker.Stop()
	seen := map[string]bool{}
	for {
		done := false
		select {
		case <-posted:
			done = true
		default:
		}
		a, err := ask(watching, b.url, "SELECT DISTINCT campaign FROM "+freshnessAskTable+" WHERE campaign LIKE 'probe %'")
		now := time.Now()
		switch {
		case watching.Err() != nil:
			return nil // what is still on its way counts as lost
		case err != nil:
			return err
		}
		if b.note(a, seen, now) == 0 && done {
			return nil
		}
		select {
		case <-ticker.C:
		case <-watching.Done():
			return nil
		}
	}
}

// note notes the probes of an answer that came at now, and tells how many are
// still on their way. A probe can be seen before its acknowledgement is.
func (b *freshnessBench) note(a *httpAnswer, seen map[string]bool, now time.Time) (waiting int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, row := range a.Rows {
		probe := strings.TrimSpace(fmt.Sprint(row[0]))
		acknowledged, sent := b.mu.acknowledged[probe]
		if !sent || seen[probe] {
			continue
		}
		seen[probe] = true
		delete(b.mu.acknowledged, probe)
		b.mu.fresh = append(b.mu.fresh, max(now.Sub(acknowledged), 0))
	}
	return len(b.mu.acknowledged)
}
