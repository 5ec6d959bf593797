package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"tidemark/base/vfs"
)

func benchCommand() *command {
	var o benchOptions
	return &command{
		name:  "bench",
		short: "measure this machine, with answers that are checked",
		usage: `
Usage: tidemark bench ysb [--from memory|file|http|log|sealed] [--events N] [--parallelism N] [--json]
       tidemark bench nexmark [--all | --query NAME] [--events N] [--parallelism N] [--json]
       tidemark bench join [--keys N] [--events N] [--parallelism N] [--json]
       tidemark bench post --to URL --events N [--parallelism N]
       tidemark bench freshness [--rate N] [--upserts N] [--questions N] [--seconds N | --minutes N] [--json]
       tidemark bench startup [--events N] [--json]

ysb counts the views of ad campaigns in windows of 10 s (Yahoo Streaming
Benchmark): from JSON in memory or in files, posted over HTTP to a server in this
process (durably, and asked back), or replayed from the event log, as it was
written or with its segments compressed (sealed). CPU is that of
this process from the first event to the last final window. What makes the events
does not count: from memory the time it takes is subtracted, over HTTP it is a
client in a process of its own (post), and files and log are filled before.
nexmark runs the queries of the Nexmark benchmark, or one of them, over a JSON
file of auctions and bids, and prints events per CPU second for each.
join pairs impressions and clicks of the same request, a UUID, within 5 minutes of
event time, from JSON made in memory: it fills the join until it has so many live
keys and goes on for as many impressions more. 2 % are clicked, 30 s later on
average; both come up to 60 ms out of order.
post is the client of ysb: it posts its events to the table ad_events.
freshness posts to the ad project while dashboards ask, and measures how long an
acknowledged event takes to be in an answer. At the end it counts that every row
is in every table once. With --minutes it shows memory minute by minute.
startup measures how soon a server with data is ready, and its idle memory.
A wrong answer ends with exit code 3.

Examples:
  tidemark bench ysb
  tidemark bench freshness --rate 50000 --json`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.from, "from", fromMemory, "ysb: memory, file, http, log or sealed")
			f.StringVar(&o.to, "to", "", "post: the server's address")
			f.Int64Var(&o.events, "events", 0, "how many events (ysb: 10 M from memory and files, 3 M otherwise; nexmark: 1 M; join: impressions, twice the keys)")
			f.Int64Var(&o.keys, "keys", 0, "join: how many keys are live at a time (default 10 M)")
			f.IntVar(&o.parallelism, "parallelism", 0, "workers, and partitions (default: the number of cores)")
			f.StringVar(&o.query, "query", "", "nexmark: q0, q1, …")
			f.BoolVar(&o.all, "all", false, "nexmark: every query (the default)")
			f.Float64Var(&o.rate, "rate", 50_000, "freshness: events per second")
			f.Float64Var(&o.upserts, "upserts", 0, "freshness: rows per second that replace others by key")
			f.IntVar(&o.questions, "questions", 20, "freshness: questions per second")
			f.Float64Var(&o.seconds, "seconds", 20, "freshness: how long to post")
			f.IntVar(&o.minutes, "minutes", 0, "freshness: how long to post, and show memory")
			f.BoolVar(&o.json, "json", false, "print JSON")
			f.StringVar(&o.profile, "profile", "", "write a CPU profile to this file")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) != 1 {
				return usagef("name one benchmark: ysb, nexmark, join, freshness or startup")
			}
			return o.run(ctx, c, args[0])
		},
	}
}

// benchOptions are the flags of bench.
type benchOptions struct {
	from, to      string
	query         string
	all           bool
	profile       string
	events, keys  int64
	parallelism   int
	rate, seconds float64
	upserts       float64
	questions     int
	minutes       int
	json          bool
}

func (o *benchOptions) run(ctx context.Context, c *console, name string) error {
	if o.events < 0 || o.keys < 0 || o.parallelism < 0 || o.rate <= 0 || o.seconds <= 0 {
		return usagef("--events, --keys, --parallelism, --rate and --seconds cannot be negative")
	}
	if o.all && o.query != "" {
		return usagef("choose --all or --query")
	}
	if o.parallelism == 0 {
		o.parallelism = runtime.GOMAXPROCS(0)
	}
	if name == "post" {
		return o.post(ctx)
	}
	endProfile, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	var result benchResult
	switch name {
	case "ysb":
		result, err = o.ysb(ctx, c)
	case "nexmark":
		result, err = o.nexmark(ctx)
	case "join":
		result, err = o.join(ctx)
	case "freshness":
		result, err = o.freshness(ctx, c)
	case "startup":
		result, err = o.startup(ctx, c)
	default:
		err = usagef("there is no benchmark %q: choose ysb, nexmark, join, freshness or startup", name)
	}
	if err = errors.Join(err, endProfile()); err != nil {
		return err
	}
	if o.json {
		text, err := json.MarshalIndent(result, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintf(c.out, "%s\n", text)
	} else {
		result.print(c.out)
	}
	if wrong := result.wrong(); wrong != "" {
		fmt.Fprintln(c.err, wrong)
		return errReported{exitOurs}
	}
	return nil
}

// benchResult is what a benchmark has measured.
type benchResult interface {
	print(io.Writer)
	wrong() string // what is wrong with the answer, "" when it is right
}

// consumption is what the process has used since it began to be measured.
type consumption struct {
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpu_seconds"`
	PeakBytes  int64   `json:"peak_bytes"` // resident memory, since the process began

	begin    time.Time
	cpuBegin float64
}

func startMeasuring() *consumption {
	runtime.GC()
	cpu, _ := resources()
	return &consumption{begin: time.Now(), cpuBegin: cpu}
}

// stop ends the measurement; apart is CPU time that does not count.
func (c *consumption) stop(apart time.Duration) {
	cpu, peak := resources()
	c.Seconds, c.CPUSeconds, c.PeakBytes = time.Since(c.begin).Seconds(), cpu-c.cpuBegin-apart.Seconds(), peak
}

// durations are measured times.
type durations []time.Duration

// part is the time that the given part of all does not exceed.
func (d durations) part(p float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[min(int(p*float64(len(sorted))), len(sorted)-1)]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

const mebibyte = 1 << 20

// grouped writes a number with separators: 12,345.
func grouped(n float64) string {
	digits := fmt.Sprintf("%.0f", n)
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}

// temporaryServer starts a server with an empty temporary folder.
func temporaryServer(ctx context.Context, c *console, parallelism int) (s *server, remove func(), err error) {
	dir, err := vfs.TemporaryDir("tidemark-bench-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { _ = vfs.RemoveTree(vfs.OS(), dir) }
	quiet := &console{in: c.in, out: io.Discard, err: io.Discard}
	s, err = startServer(ctx, quiet, serverOptions{listen: "127.0.0.1:0", data: dir, parallelism: parallelism, logFormat: "text"}, nil)
	if err != nil {
		remove()
		return nil, nil, err
	}
	return s, remove, nil
}
