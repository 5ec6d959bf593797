// Command crashkafka kills a real Tidemark and a real Kafka broker with kill -9
// at random times while events flow from topics through a window job and a join
// job into result topics, and lets instances sleep while another takes over. A
// consumer that reads what is committed then finds every result exactly once, and
// windows in order by key.
//
// It is not for the event log and the stored tables: test/crash has those.
//
// Flow: per round, events are produced → something is killed or put to sleep and
// begun anew. At the end the event time is driven past the last window, and what
// the result topics hold is compared with what was produced.
//
// Invariants:
//  1. The producer is idempotent and repeats until the broker has answered: the
//     input has each event once, in order by partition.
//  2. Event times ascend in every partition, so that no event is late.
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

	"tidemark/test/cluster"
)

func main() {
	rounds := flag.Int("n", 20, "how often something is killed")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of times and events")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: crashkafka [-n ROUNDS] [-seed SEED] PROGRAM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *rounds < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *rounds, *seed); err != nil {
		fmt.Fprintf(os.Stderr, "crashkafka: %v\n", err)
		os.Exit(1)
	}
}

// run makes a folder for everything, which is kept when something is wrong.
func run(ctx context.Context, program string, rounds int, seed uint64) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tidemark-crashkafka-")
	if err != nil {
		return err
	}
	fmt.Printf("seed %d, %d rounds\n", seed, rounds)
	d := &drill{dir: dir, program: program, random: rand.New(rand.NewPCG(seed, 0))}
	if d.broker, err = cluster.NewBroker(dir); err != nil {
		return err
	}
	err = d.run(ctx, rounds)
	d.end()
	if err != nil {
		return fmt.Errorf("%w\nEverything is kept in %s.\nThe last words of Tidemark:\n%s", err, dir, d.lastWords())
	}
	return errors.Join(err, os.RemoveAll(dir))
}
