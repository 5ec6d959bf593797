// Command overload sends a real server three times what it can keep up with, over
// HTTP and Kafka, while consumers of all kinds stop reading.
//
// It is no benchmark: what a server can do on this machine it finds out first.
//
// Flow: measure how many events become visible in a second while senders take all that
// they get → send three times that for a while → stop, and count.
//
// Invariants, each of which ends it when it does not hold:
//  1. The server's memory stays under a bound.
//  2. Senders are told to wait, those of HTTP and those of Kafka.
//  3. Events go on being acknowledged although consumers do not read.
//  4. Every acknowledged event is in the table, and in the table made from it, once.
//  5. All of them are visible recoverMax after the last was sent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

// What is demanded and how it is measured.
const (
	times       = 3                // the rate that can be kept up with
	recoverMax  = 30 * time.Second // until everything is visible
	measureTime = 10 * time.Second
	silenceMax  = 15 * time.Second // without an event that is acknowledged
	lookPause   = 500 * time.Millisecond
)

const definitions = `CREATE TABLE events (id BIGINT, name STRING, v BIGINT) WITH ('partitions' = '2', 'backlog' = '5 s');
CREATE MATERIALIZED TABLE sums FRESHNESS = INTERVAL '1' SECOND AS SELECT name, COUNT(*) AS n, SUM(v) AS total FROM events GROUP BY name;`

func main() {
	length := flag.Duration("for", 30*time.Second, "how long to send too much; acceptance wants 10m")
	memory := flag.Int64("memory", 1536, "MiB that the server may have")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Usage: overload [-for DURATION] [-memory MIB] PROGRAM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, flag.Arg(0), *length, *memory<<20); err != nil {
		fmt.Fprintf(os.Stderr, "overload: %v\n", err)
		os.Exit(1)
	}
}

// run makes a folder for the server, which is kept when something is wrong.
func run(ctx context.Context, program string, length time.Duration, memory int64) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tidemark-overload-")
	if err != nil {
		return err
	}
	s, err := startServer(ctx, program, dir)
	if err == nil {
		err = overload(ctx, s, length, memory)
	}
	if s != nil {
		err = errors.Join(err, s.stop())
	}
	if err != nil {
		return fmt.Errorf("%w\nEverything is kept in %s", err, dir)
	}
	return os.RemoveAll(dir)
}

// overload is the test, on a server that runs.
func overload(ctx context.Context, s *server, length time.Duration, memory int64) error {
	l, err := newLoad(s)
	if err != nil {
		return err
	}
	defer l.close()
	rate, err := measure(ctx, s, l)
	if err != nil {
		return err
	}
	fmt.Printf("%.0f events a second become visible; %d times that for %v\n", rate, times, length)
	leave, err := stalled(ctx, s)
	if err != nil {
		return err
	}
	defer leave()
	before := l.acked.Load()
	l.begin(ctx, times*rate)
	peak, lastAcked, lastMoved := int64(0), int64(0), time.Now()
	for begin := time.Now(); time.Since(begin) < length && ctx.Err() == nil; time.Sleep(lookPause) {
		peak = max(peak, s.memory())
		if acked := l.acked.Load(); acked > lastAcked {
			lastAcked, lastMoved = acked, time.Now()
		}
		switch {
		case peak > memory:
			return fmt.Errorf("the server has %d MiB, more than %d", peak>>20, memory>>20)
		case time.Since(lastMoved) > silenceMax:
			return fmt.Errorf("nothing was acknowledged for %v", silenceMax)
		}
	}
	l.end()
	acked, ended := l.acked.Load(), time.Now()
	fmt.Printf("%d events were offered over HTTP and %d acknowledged in all; HTTP was refused %d times, Kafka throttled %d times; peak %d MiB\n",
		l.offered.Load(), acked-before, l.refused.Load(), l.throttled.Load(), peak>>20)
	if l.refused.Load() == 0 || l.throttled.Load() == 0 {
		return errors.New("not all senders were told to wait")
	}
	for {
		rows, err := s.numbers(ctx, "SELECT (SELECT COUNT(*) FROM events), (SELECT SUM(n) FROM sums), (SELECT SUM(total) FROM sums)")
		if err != nil {
			return err
		}
		visible := time.Since(ended)
		if rows[0] == acked && rows[1] == acked && rows[2] == acked {
			fmt.Printf("all are visible %v after the last\n", visible.Round(100*time.Millisecond))
			return nil
		}
		if visible > recoverMax || rows[0] > acked {
			return fmt.Errorf("%v after the last of %d events the table has %d and the sums %d, %d", visible.Round(time.Second), acked, rows[0], rows[1], rows[2])
		}
		time.Sleep(lookPause / 5)
	}
}

// measure is how many events a second become visible while senders take all they get.
func measure(ctx context.Context, s *server, l *load) (float64, error) {
	l.begin(ctx, 0)
	defer l.end()
	time.Sleep(measureTime / 2) // until it has warmed up, and senders have to wait
	before, err := s.numbers(ctx, "SELECT COUNT(*) FROM events")
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	time.Sleep(measureTime)
	after, err := s.numbers(ctx, "SELECT COUNT(*) FROM events")
	if err != nil {
		return 0, err
	}
	rate := float64(after[0]-before[0]) / time.Since(begin).Seconds()
	if rate <= 0 {
		return 0, errors.New("no event becomes visible")
	}
	return rate, nil
}
