package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"sync"
	"time"

	"tidemark/base/batch"
	"tidemark/base/vfs"
	"tidemark/control/pipeline"
	"tidemark/examples/ads"
)

// The traffic of the demo.
const (
	demoPast     = time.Hour // that the page shows from the start
	demoPastRate = 60.0      // impressions a second of that hour
	demoStep     = 250 * time.Millisecond
	demoChunk    = 30 * time.Second // of past traffic in one body
)

func demoCommand() *command {
	var o serverOptions
	var rate float64
	var seed uint64
	return &command{
		name:  "demo",
		short: "run the built-in ad project with simulated traffic",
		usage: `
Usage: tidemark demo [--listen HOST:PORT] [--data DIR] [--rate N]

Runs a server with the built-in project (impressions and clicks in, click-through
rates per minute out) and posts simulated traffic to its own API. The data goes to
a temporary folder unless --data names one.

Examples:
  tidemark demo
  tidemark demo --listen 127.0.0.1:9000 --rate 2000`,
		flags: func(f *flag.FlagSet) {
			o.define(f)
			o.data, f.Lookup("data").DefValue = "", ""
			f.Lookup("data").Usage = "folder that everything is kept in (default: a temporary one)"
			f.Float64Var(&rate, "rate", demoPastRate, "impressions per second")
			f.Uint64Var(&seed, "seed", 1, "seed of the traffic")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			if rate <= 0 {
				return usagef("--rate is %v, not above 0", rate)
			}
			return demo(ctx, c, o, rate, seed)
		},
	}
}

func demo(ctx context.Context, c *console, o serverOptions, rate float64, seed uint64) error {
	if o.data == "" {
		dir, err := vfs.TemporaryDir("tidemark-demo-")
		if err != nil {
			return err
		}
		defer vfs.RemoveTree(vfs.OS(), dir) //nolint:errcheck // a temporary folder
		o.data = dir
	}
	files, err := fs.Sub(ads.Project, "project")
	if err != nil {
		return err
	}
	project, err := pipeline.ReadProject(files, "")
	if err != nil {
		return err
	}
	s, err := startServer(ctx, c, o, project)
	if err != nil {
		return err
	}
	defer s.close()
	fmt.Fprintf(c.out, "Tidemark's ad demo is at %s — Ctrl-C stops it.\n", s.url())
	var poster sync.WaitGroup
	poster.Go(func() {
		if err := post(ctx, s, rate, seed); err != nil && ctx.Err() == nil {
			fmt.Fprintf(c.err, "the simulated traffic has stopped: %v\n", err)
		}
	})
	<-ctx.Done()
	poster.Wait()
	fmt.Fprintln(c.out, "Stopping …")
	return nil
}

// post draws traffic and posts it: first the past hour, as quickly as it is
// taken, then as time goes by. After a restart with the same data it goes on
// where the last run stopped.
func post(ctx context.Context, s *server, rate float64, seed uint64) error {
	begin := time.Now().Add(-demoPast)
	if p, ok := s.board.Of("ods_impressions", 0, 0, time.Now()); ok && p.Watermark != batch.NoMark {
		if last := time.UnixMilli(p.Watermark); last.After(begin) {
			begin = last
		}
	}
	traffic := ads.NewTraffic(seed+uint64(begin.Unix()), min(rate, demoPastRate), begin)
	for at := begin; at.Before(time.Now()); at = at.Add(demoChunk) {
		if err := send(ctx, s.url(), traffic.Until(at)); err != nil {
			return err
		}
	}
	traffic.SetRate(rate)
	ticker := time.NewTicker(demoStep)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if err := send(ctx, s.url(), traffic.Until(now)); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// send posts events to the two tables.
func send(ctx context.Context, url string, e ads.Events) error {
	return errors.Join(sendTo(ctx, url+"/api/v1/events/ods_impressions", e.Impressions), sendTo(ctx, url+"/api/v1/events/ods_clicks", e.Clicks))
}

func sendTo(ctx context.Context, url string, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server answered %s: %s", response.Status, text)
	}
	return err
}
