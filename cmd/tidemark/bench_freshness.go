package main

import (
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

// The bars of freshness, and its limits.
const (
	freshnessMedianMax = 60 * time.Millisecond
	freshnessMax       = 300 * time.Millisecond
	freshnessAskMax    = 100 * time.Millisecond
	freshnessWaitMax   = 30 * time.Second // for the last probes, and for all rows to be there
	freshnessGrowthMax = 0.05             // of memory
)

// freshnessResult is what freshness measured.
type freshnessResult struct {
	Rate             float64 `json:"rate"` // of events, that was asked for
	EventsPerSecond  float64 `json:"events_per_second"`
	Events           int64   `json:"events"`
	UpsertRate       float64 `json:"upsert_rate"`
	UpsertsPerSecond float64 `json:"upserts_per_second"`
	Upserts          int64   `json:"upserts"`
	Probes           int     `json:"probes"`
	FreshP50         float64 `json:"freshness_p50_ms"`
	FreshP99         float64 `json:"freshness_p99_ms"`
	Questions        int     `json:"questions"`
	AskP50           float64 `json:"question_p50_ms"`
	AskP99           float64 `json:"question_p99_ms"`
	PostP50          float64 `json:"post_p50_ms"`
	PostP99          float64 `json:"post_p99_ms"`
	Reused           int64   `json:"reused"` // questions and looks for probes that got a kept answer
	consumption
	Memory  []int64        `json:"memory_bytes,omitempty"` // resident, minute by minute
	Startup *startupResult `json:"startup,omitempty"`
	lost    int
	missing []string
}

func (r *freshnessResult) wrong() string {
	wrong := r.missing
	if r.lost > 0 {
		wrong = append(wrong, fmt.Sprintf("%d of %d probes were acknowledged and never seen in an answer", r.lost, r.Probes))
	}
	return strings.Join(wrong, "\n")
}

// growth is by how much memory grew, in parts of what it was: from the second
// fifth of the minutes, when everything has been done once, to the last one.
func (r *freshnessResult) growth() (part float64, known bool) {
	fifth := len(r.Memory) / 5
	if fifth == 0 {
		return 0, false
	}
	mean := func(minutes []int64) (sum float64) {
		for _, bytes := range minutes {
			sum += float64(bytes) / float64(len(minutes))
		}
		return sum
	}
	return mean(r.Memory[len(r.Memory)-fifth:])/mean(r.Memory[fifth:2*fifth]) - 1, true
}

func (r *freshnessResult) print(w io.Writer) {
	verdict := func(good bool, bar string) string {
		if good {
			return "OK"
		}
		return "above the bar of " + bar
	}
	fresh := verdict(r.FreshP50 <= milliseconds(freshnessMedianMax) && r.FreshP99 <= milliseconds(freshnessMax), "60 and 300 ms")
	fmt.Fprintf(w, "freshness: %s events and %s upserts in %.1f s\n", grouped(float64(r.Events)), grouped(float64(r.Upserts)), r.Seconds)
	fmt.Fprintf(w, "  %-28s %s (%s wanted)\n", "events/s", grouped(r.EventsPerSecond), grouped(r.Rate))
	if r.UpsertRate > 0 {
		fmt.Fprintf(w, "  %-28s %s (%s wanted)\n", "upserts/s", grouped(r.UpsertsPerSecond), grouped(r.UpsertRate))
	}
	fmt.Fprintf(w, "  %-28s p50 %.0f ms, p99 %.0f ms (%d probes): %s\n", "acknowledged until visible", r.FreshP50, r.FreshP99, r.Probes, fresh)
	fmt.Fprintf(w, "  %-28s p50 %.0f ms, p99 %.0f ms (%d): %s\n", "questions", r.AskP50, r.AskP99, r.Questions, verdict(r.AskP99 <= milliseconds(freshnessAskMax), "100 ms"))
	fmt.Fprintf(w, "  %-28s %d\n", "answers that were kept", r.Reused)
	fmt.Fprintf(w, "  %-28s p50 %.0f ms, p99 %.0f ms\n", "posts", r.PostP50, r.PostP99)
	fmt.Fprintf(w, "  %-28s %.1f\n", "CPU seconds", r.CPUSeconds)
	fmt.Fprintf(w, "  %-28s %d MiB\n", "peak memory", r.PeakBytes/mebibyte)
	if part, known := r.growth(); known {
		fmt.Fprintf(w, "  %-28s %+.1f %%: %s\n", "memory since its warm-up", 100*part, verdict(part <= freshnessGrowthMax, "5 %"))
	}
	if len(r.missing) == 0 {
		fmt.Fprintf(w, "  %-28s all of them, once\n", "rows in all tables")
	}
	if r.Startup != nil {
		r.Startup.print(w)
	}
}

// freshnessBench posts, asks, and follows probes: events with a campaign of
// their own, which is a row of the dashboard's table when they are visible.
type freshnessBench struct {
	url     string
	load    freshnessLoad
	upserts upsertLoad
	mu      struct {
		sync.Mutex
		acknowledged map[string]time.Time // probes on their way
		fresh        durations
		asks, posts  durations
		impressions  int64 // posted, the broken ones too
		clicks       int64
		reused       int64
	}
}

// freshnessLoad is what is posted and asked a second.
type freshnessLoad struct {
	events, upserts float64
	questions       int
	span            time.Duration
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
	b := &freshnessBench{url: s.url(), load: freshnessLoad{o.rate, o.upserts, o.questions, time.Duration(o.seconds * float64(time.Second))}}
	if o.minutes > 0 {
		b.load.span = time.Duration(o.minutes) * time.Minute
	}
	b.upserts.keys = max(int64(2*o.upserts), 1)
	b.mu.acknowledged = map[string]time.Time{}
	if err := b.define(ctx, s.pipeline); err != nil {
		return nil, err
	}
	recorded := recordTraffic(o.rate)
	used := startMeasuring()
	r, err := b.run(ctx, c, recorded, o.minutes > 0)
	if err != nil {
		return nil, err
	}
	used.stop(0)
	r.consumption = *used
	running = false
	s.close()
	if o.minutes == 0 && o.seconds >= startupAfterSeconds {
		if r.Startup, err = measureStartup(ctx, s.options.data); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// define makes the tables of the ad project, and one that rows are replaced in.
func (b *freshnessBench) define(ctx context.Context, p *pipeline.Pipeline) error {
	files, err := fs.Sub(ads.Project, "project")
	if err != nil {
		return err
	}
	project, err := pipeline.ReadProject(files, "")
	if err != nil {
		return err
	}
	if err := p.Deploy(ctx, project); err != nil {
		return err
	}
	if b.load.upserts > 0 {
		_, err = p.Execute(ctx, upsertTable)
	}
	return err
}

func (b *freshnessBench) run(ctx context.Context, c *console, recorded *recordedTraffic, shows bool) (*freshnessResult, error) {
	posting, stopPosting := context.WithTimeout(ctx, b.load.span)
	defer stopPosting()
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	posted := make(chan struct{}) // closed when everything is acknowledged
	var failed [5]error
	var memory []int64
	var loads, watcher sync.WaitGroup
	begin := time.Now()
	loads.Go(func() { failed[0] = b.post(posting, ctx, recorded) })
	loads.Go(func() { failed[1] = b.postUpserts(posting, ctx) })
	loads.Go(func() { failed[2] = b.dashboards(posting, ctx) })
	if shows {
		loads.Go(func() { memory, failed[3] = b.followMemory(posting, ctx, c.err) })
	}
	watcher.Go(func() { failed[4] = b.watch(watching, posted) })
	loads.Wait()
	took := time.Since(begin)
	close(posted)
	giveUp := time.AfterFunc(freshnessWaitMax, stopWatching)
	watcher.Wait()
	giveUp.Stop()
	if err := errors.Join(failed[:]...); err != nil {
		return nil, err
	}
	missing, err := b.check(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	events := b.mu.impressions + b.mu.clicks
	return &freshnessResult{
		Rate: b.load.events, Events: events, EventsPerSecond: float64(events) / took.Seconds(),
		UpsertRate: b.load.upserts, Upserts: b.upserts.next, UpsertsPerSecond: float64(b.upserts.next) / took.Seconds(),
		Probes: len(b.mu.fresh) + len(b.mu.acknowledged), lost: len(b.mu.acknowledged),
		FreshP50: milliseconds(b.mu.fresh.part(0.5)), FreshP99: milliseconds(b.mu.fresh.part(0.99)),
		Questions: len(b.mu.asks), AskP50: milliseconds(b.mu.asks.part(0.5)), AskP99: milliseconds(b.mu.asks.part(0.99)),
		PostP50: milliseconds(b.mu.posts.part(0.5)), PostP99: milliseconds(b.mu.posts.part(0.99)),
		Reused: b.mu.reused, Memory: memory, missing: missing,
	}, nil
}
