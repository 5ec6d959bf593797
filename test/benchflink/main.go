// Command benchflink runs the queries of Nexmark and the Yahoo Streaming
// Benchmark here and on a real Flink, from the same file with the same SQL, and
// writes what a second of CPU time was good for on either side.
//
// It does not compare answers: tidemark bench checks those of these queries, and
// test/conformance and test/flinkdiff compare with Flink. Here results go to a
// blackhole on both sides, so that only the work counts.
//
// Flow: the events are written to files → each query's result becomes a
// blackhole table → the runs of a query alternate between the two, behind one
// that only warms Flink up → the medians go to standard output and, with -out, to
// a page of the documentation.
//
// Invariants:
//  1. Both sides read the same bytes and get the same text.
//  2. CPU time is that of the whole process here, its start included, and of
//     Flink's TaskManager alone there.
//  3. Flink runs at its best: state in memory, no checkpoints, objects reused,
//     mini-batches.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"tidemark/test/cluster"
)

func main() {
	var o options
	flag.Int64Var(&o.events, "n", 2_000_000, "events of each file")
	flag.IntVar(&o.runs, "runs", 5, "runs of which the median counts")
	flag.IntVar(&o.parallelism, "parallelism", 2, "workers on both sides")
	flag.StringVar(&o.queries, "queries", "", "only these, separated by commas")
	flag.StringVar(&o.out, "out", "", "write the page to this file")
	flag.BoolVar(&o.running, "running", false, "use the Flink that is running (default: bring one up, and stop it)")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: benchflink [flags] PROGRAM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || o.events < 1 || o.runs < 1 || o.parallelism < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, flag.Arg(0), o); err != nil {
		fmt.Fprintf(os.Stderr, "benchflink: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	events            int64
	runs, parallelism int
	queries, out      string
	running           bool
}

func run(ctx context.Context, program string, o options) (err error) {
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "benchflink-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	all, err := writeWorkloads(dir, o.events)
	if err != nil {
		return err
	}
	if o.queries != "" {
		wanted := strings.Split(o.queries, ",")
		all = slices.DeleteFunc(all, func(w workload) bool { return !slices.Contains(wanted, w.name) })
	}
	b := &bench{options: o, program: program, dir: dir}
	if !o.running {
		if err := cluster.Fetch(ctx); err != nil {
			return err
		}
		stop, startErr := cluster.StartFlink(ctx, o.parallelism)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	results := make([]result, 0, len(all))
	for _, w := range all {
		r, err := b.measure(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Println(r.line())
		results = append(results, *r)
	}
	fmt.Printf("geometric mean %.1f, least %.1f\n", geometricMean(results), least(results))
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(page(ctx, b, results)), 0o644)
}
