// Command crash kills a real server with kill -9 at random times under load,
// starts it again, and counts every acknowledged event: in the event log, in the
// table that it was posted to and in a table of windows over it, each exactly
// once. With -stall it lets one partition of a source fall silent instead.
//
// It is not for crashes of the machine or of a disk: store/eventlog's tests
// have those.
//
// Flow: per round, start → clients repeat what was not acknowledged, with the
// same Idempotency-Key, and then post new bodies → kill. At the end everything
// is acknowledged and counted in both tables; after an ordinary stop it is
// counted in the log, and in both tables again.
//
// Invariants:
//  1. A body keeps its key and its text until it is acknowledged.
//  2. Event times rise by a minute a round, less than the watermark's delay
//     over the rounds that a body may wait: no event is late.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	rounds := flag.Int("n", 20, "how often to kill")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of times and bodies")
	stall := flag.Bool("stall", false, "let a partition fall silent instead of killing")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: crash [-n ROUNDS] [-seed SEED] [-stall] PROGRAM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *rounds, *seed, *stall); err != nil {
		fmt.Fprintf(os.Stderr, "crash: %v\n", err)
		os.Exit(1)
	}
}

// run makes a folder for the server, which is kept when something is wrong.
func run(ctx context.Context, program string, rounds int, seed uint64, stall bool) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tidemark-crash-")
	if err != nil {
		return err
	}
	s, err := newServer(program, dir)
	if err != nil {
		return err
	}
	if stall {
		err = runStall(ctx, s)
	} else {
		fmt.Printf("seed %d, %d rounds\n", seed, rounds)
		err = runKills(ctx, s, rounds, rand.New(rand.NewPCG(seed, 0)))
	}
	if err != nil {
		s.kill()
		return fmt.Errorf("%w\nEverything is kept in %s.\nThe server's last words:\n%s", err, dir, s.lastWords())
	}
	return errors.Join(s.stop(), os.RemoveAll(dir))
}
