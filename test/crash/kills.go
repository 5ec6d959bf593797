package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

const (
	clients       = 4
	bodyEventsMax = 200
	loadMax       = 1500 * time.Millisecond // from ready to the kill
	earlyKillMax  = 400 * time.Millisecond  // from the start to a kill before ready
	earlyKills    = 5                       // one round in so many
	repeatPause   = 20 * time.Millisecond
	countMax      = 60 * time.Second // until everything can be seen
	countPause    = 100 * time.Millisecond
)

const killDefinitions = `
CREATE TABLE events (
  id STRING NOT NULL,
  n  BIGINT,
  ts TIMESTAMP_LTZ(3),
  WATERMARK FOR ts AS ts - INTERVAL '10' MINUTE
) WITH ('partitions' = '2');

CREATE MATERIALIZED TABLE per_minute
FRESHNESS = INTERVAL '1' SECOND
AS
SELECT window_start, COUNT(*) AS events, SUM(n) AS total
FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(ts), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end;
`

var firstMinute = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// body is what one client posts at once.
type body struct {
	key, text string
	events    int
	total     int64 // of the events' n
}

// counts is what was acknowledged, or what is found.
type counts struct{ events, total int64 }

// client posts one body after the other.
type client struct {
	name         int
	server       *server
	random       *rand.Rand
	bodies       int
	waiting      *body // posted and not acknowledged
	acknowledged counts
	repeated     int // acknowledgements that said that the body had been stored before
}

// post posts until the server goes away or ctx ends. A wrong receipt is an error.
func (c *client) post(ctx context.Context, round int) error {
	for ctx.Err() == nil {
		if c.waiting == nil {
			c.waiting = c.newBody(round)
		}
		gone, err := c.send(ctx)
		if gone || err != nil {
			return err
		}
	}
	return nil
}

// send posts the body that waits. It reports whether the server has gone away.
func (c *client) send(ctx context.Context) (gone bool, err error) {
	b := c.waiting
	accepted, duplicates, err := c.server.post(ctx, "events", b.key, b.text)
	var no refused
	switch {
	case errors.As(err, &no) && no.busy():
		time.Sleep(repeatPause)
		return false, nil
	case errors.As(err, &no):
		return true, fmt.Errorf("body %s: %w", b.key, err)
	case err != nil:
		return true, nil
	case accepted+duplicates != b.events:
		return true, fmt.Errorf("body %s has %d events, and the receipt says %d accepted, %d duplicates", b.key, b.events, accepted, duplicates)
	}
	if duplicates > 0 {
		c.repeated++
	}
	c.acknowledged.events += int64(b.events)
	c.acknowledged.total += b.total
	c.waiting = nil
	return false, nil
}

func (c *client) newBody(round int) *body {
	c.bodies++
	b := &body{key: fmt.Sprintf("client %d body %d", c.name, c.bodies), events: 1 + c.random.IntN(bodyEventsMax)}
	var text strings.Builder
	for i := range b.events {
		n := c.random.Int64N(1000)
		b.total += n
		at := firstMinute.Add(time.Duration(round)*time.Minute + time.Duration(c.random.IntN(60_000))*time.Millisecond)
		fmt.Fprintf(&text, `{"id":"%d/%d/%d","n":%d,"ts":"%s"}`+"\n", c.name, c.bodies, i, n, at.Format("2006-01-02T15:04:05.000Z"))
	}
	b.text = text.String()
	return b
}

// runKills is the test.
func runKills(ctx context.Context, s *server, rounds int, random *rand.Rand) error {
	if err := s.define(killDefinitions); err != nil {
		return err
	}
	all := make([]*client, clients)
	for i := range all {
		all[i] = &client{name: i, server: s, random: rand.New(rand.NewPCG(random.Uint64(), uint64(i)))}
	}
	for round := range rounds {
		if err := killRound(ctx, s, all, round, rounds, random); err != nil {
			return fmt.Errorf("round %d: %w", round+1, err)
		}
	}
	want, err := settle(ctx, s, all)
	if err != nil {
		return err
	}
	if err := count(ctx, s, want); err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	if err := countLog(ctx, s, "events", want); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	if _, err := s.waitReady(ctx); err != nil {
		return err
	}
	if err := count(ctx, s, want); err != nil {
		return fmt.Errorf("after an ordinary stop: %w", err)
	}
	repeated := 0
	for _, c := range all {
		repeated += c.repeated
	}
	fmt.Printf("%d events acknowledged, %d bodies acknowledged only when repeated: all there, each once\n", want.events, repeated)
	return nil
}

// killRound starts the server, posts, and kills it.
func killRound(ctx context.Context, s *server, all []*client, round, rounds int, random *rand.Rand) error {
	if err := s.start(); err != nil {
		return err
	}
	defer s.kill()
	if round > 0 && random.IntN(earlyKills) == 0 {
		pause := time.Duration(random.Int64N(int64(earlyKillMax)))
		time.Sleep(pause)
		fmt.Printf("round %d of %d: killed %d ms after the start\n", round+1, rounds, pause.Milliseconds())
		return nil
	}
	took, err := s.waitReady(ctx)
	if err != nil {
		return err
	}
	load := time.Duration(random.Int64N(int64(loadMax)))
	failed := make([]error, len(all))
	var posting sync.WaitGroup
	for i, c := range all {
		posting.Go(func() { failed[i] = c.post(ctx, round) })
	}
	time.Sleep(load)
	s.kill()
	posting.Wait()
	acknowledged := int64(0)
	for _, c := range all {
		acknowledged += c.acknowledged.events
	}
	fmt.Printf("round %d of %d: ready after %d ms, killed after %d ms, %d events acknowledged so far\n", round+1, rounds, took.Milliseconds(), load.Milliseconds(), acknowledged)
	return errors.Join(append(failed, ctx.Err())...)
}

// settle starts the server and has the last bodies acknowledged. It returns
// what there must be.
func settle(ctx context.Context, s *server, all []*client) (want counts, err error) {
	if err := s.start(); err != nil {
		return want, err
	}
	if _, err := s.waitReady(ctx); err != nil {
		return want, err
	}
	for _, c := range all {
		for c.waiting != nil {
			if gone, err := c.send(ctx); gone || err != nil {
				return want, errors.Join(errors.New("the server went away by itself"), err)
			}
		}
		want.events += c.acknowledged.events
		want.total += c.acknowledged.total
	}
	return want, nil
}

// count waits until both tables have what they must, and fails as soon as one
// has more.
func count(ctx context.Context, s *server, want counts) error {
	questions := map[string]string{
		"events":     "SELECT COUNT(*), COUNT(DISTINCT id), SUM(n) FROM events",
		"per_minute": "SELECT SUM(events), SUM(events), SUM(total) FROM per_minute",
	}
	begin := time.Now()
	for table, question := range questions {
		for {
			got, err := s.ask(ctx, question)
			if err != nil {
				return err
			}
			if got[0] == want.events && got[1] == want.events && got[2] == want.total {
				break
			}
			if got[0] > want.events || got[1] < got[0] || time.Since(begin) > countMax {
				return fmt.Errorf("%s has %d events, %d different ones, with a total of %d; acknowledged were %d with %d", table, got[0], got[1], got[2], want.events, want.total)
			}
			time.Sleep(countPause)
		}
	}
	return nil
}
