// Command flinkdiff runs random statements in the embedded engine and on a real
// Flink, and compares their final rows.
//
// It is not the conformance suite: that holds recorded answers to chosen
// questions; here nobody chose.
//
// Flow: Flink reads what the printer makes of every clause and function → a seed and a number make a case (statements over small random files) →
// the program runs it embedded and, unless it refuses it by name, with --target
// flink, in streaming and in batch mode → the rows are compared as multisets →
// rows of a case that differs are left out while it still differs → it is kept
// as a folder in the form of test/conformance. What was found once and is not
// Flink's fault stays in found, as cases that must be equal.
//
// Invariants:
//  1. A case depends on nothing but the seed and its number.
//  2. An answer of a case depends on nothing but its files: no clock, no order
//     among equal rows, no race between two inputs' watermarks.
//  3. Every case that is not compared is counted with its reason.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"tidemark/test/cluster"
)

func main() {
	var o options
	flag.IntVar(&o.cases, "n", 300, "how many cases to make")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano())%1_000_000, "seed of the cases")
	flag.IntVar(&o.only, "case", -1, "run only the case with this number, and print it")
	flag.StringVar(&o.kind, "kind", "", "run only cases of this kind")
	flag.IntVar(&o.jobs, "jobs", 3, "cases at a time")
	flag.StringVar(&o.gateway, "gateway", "", "SQL gateway of a running Flink (default: bring one up, and stop it)")
	flag.StringVar(&o.found, "found", "", "folder for the cases that differ (default: a new temporary one)")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: flinkdiff [flags] PROGRAM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || o.cases < 1 || o.jobs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, flag.Arg(0), o); err != nil {
		fmt.Fprintf(os.Stderr, "flinkdiff: %v\n", err)
		stop()
		os.Exit(1)
	}
}

// slots are the Flink's; a finished job gives its slot back only after a while.
const slots = 8

// options are the flags.
type options struct {
	cases, only, jobs    int
	seed                 uint64
	kind, gateway, found string
}

// errDiffers says that there are differences; they have been printed.
var errDiffers = errors.New("the engines differ")

func run(ctx context.Context, program string, o options) (err error) {
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	if o.gateway == "" {
		o.gateway = cluster.Gateway
		if err := cluster.Fetch(ctx); err != nil {
			return err
		}
		stop, startErr := cluster.StartFlink(ctx, slots)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, stop()) }()
	}
	if o.found == "" {
		if o.found, err = os.MkdirTemp("", "flinkdiff-"); err != nil {
			return err
		}
		defer os.Remove(o.found) // stays when it has got cases
	}
	fmt.Printf("seed %d\n", o.seed)
	var faults []string
	if o.only < 0 && o.kind == "" {
		if faults, err = checkGrammar(ctx, o.gateway); err != nil {
			return err
		}
		for _, fault := range faults {
			fmt.Println(fault)
		}
	}
	d := &differ{program: program, options: o}
	begin := time.Now()
	d.all(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Printf("%s\n%.0f s\n", d.tally.report(), time.Since(begin).Seconds())
	if d.tally.differences() > 0 {
		fmt.Printf("the differing cases are in %s; run one again with -seed %d -case NUMBER\n", o.found, o.seed)
	}
	if d.tally.differences() > 0 || len(faults) > 0 {
		return errDiffers
	}
	return nil
}
