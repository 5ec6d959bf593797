package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"tidemark/control/compensation"
	"tidemark/serve/httpapi"
)

func gapsCommand() *command {
	o := client{}
	return &command{
		name:  "gaps",
		short: "parts of the input that may be missing, and how they are closed",
		usage: `
Usage: tidemark gaps [--url URL] [--json] [list]
       tidemark gaps [--url URL] [--json] show ID
       tidemark gaps [--url URL] [--json] close ID

A job that reads a table of two sites opens a gap when it goes to the other site.
When the lost site is back both are compared, what never became rows is added, and
the gap closes when sites and rows agree; otherwise it says what differs. close has
the adding run where the table says 'compensation' = 'manual', and notes that a table
was made anew that lacked rows because they came too late.

Examples:
  tidemark gaps
  tidemark gaps show ads_minute-mi9x2k1p`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
			f.BoolVar(&o.json, "json", false, "print the server's answer as JSON")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) == 0 {
				args = []string{"list"}
			}
			want, known := map[string]int{"list": 1, "show": 2, "close": 2}[args[0]]
			if !known {
				return usagef("cannot %s gaps: list, show or close", args[0])
			}
			if len(args) != want {
				return usagef("%s takes %d arguments, not %d", args[0], want-1, len(args)-1)
			}
			return o.gaps(ctx, c, args)
		},
	}
}

func (o *client) gaps(ctx context.Context, c *console, args []string) error {
	const all = "/api/v1/gaps"
	var body []byte
	var err error
	switch args[0] {
	case "list":
		body, err = o.call(ctx, http.MethodGet, all, nil)
	case "show":
		body, err = o.call(ctx, http.MethodGet, all+"/"+escape(args[1]), nil)
	case "close":
		body, err = o.post(ctx, all+"/"+escape(args[1])+"/actions", httpapi.GapActionRequest{Action: httpapi.CloseGap})
	}
	if err != nil {
		return err
	}
	if o.json {
		return o.print(c, body)
	}
	if args[0] == "list" {
		var list httpapi.GapList
		if err := json.Unmarshal(body, &list); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		return printGaps(c.out, list.Gaps)
	}
	var g httpapi.Gap
	if err := json.Unmarshal(body, &g); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if args[0] == "close" && g.State == "proposed" {
		fmt.Fprintf(c.out, "%d events are being added; tidemark gaps show %s tells when the gap is closed\n", g.Missing, g.ID)
		return nil
	}
	return printGap(c.out, g)
}

// eventTime prints an event time, or otherwise.
func eventTime(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return t.Format("2006-01-02T15:04:05.000Z07:00")
}

func printGaps(out io.Writer, gaps []httpapi.Gap) error {
	if len(gaps) == 0 {
		_, err := fmt.Fprintln(out, "There are no gaps.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "GAP\tSOURCE\tSTATE\tFROM\tUNTIL\tMISSING\tREPLAYED\tLATE")
	for _, g := range gaps {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", g.ID, g.Table, g.State, eventTime(g.From, "beginning"), eventTime(g.Until, "-"), g.Missing, g.Replayed, g.Late)
	}
	return w.Flush()
}

// printGap tells all about a gap in words.
func printGap(out io.Writer, g httpapi.Gap) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	line := func(name, text string) { fmt.Fprintf(w, "%s\t%s\n", name, text) }
	line("gap", g.ID)
	line("state", string(g.State))
	line("source", fmt.Sprintf("%s, read by job %s", g.Table, g.Job))
	line("event time", fmt.Sprintf("from %s until %s", eventTime(g.From, "the beginning"), eventTime(g.Until, "the lost site is back")))
	line("opened", fmt.Sprintf("%s: %s", g.OpenedAt.Format(time.RFC3339), g.Reason))
	if g.ClosedAt != nil {
		line("closed", g.ClosedAt.Format(time.RFC3339))
	}
	if c := g.Compared; c != nil {
		for _, d := range []struct {
			name   string
			digest httpapi.EventDigest
		}{{"primary", c.Primary}, {"standby", c.Standby}, {"together", c.Union}, {"became rows", c.Read}} {
			line(d.name, fmt.Sprintf("%d events, digest %s", d.digest.Count, d.digest.Hash))
		}
	}
	line("missing", strconv.FormatInt(g.Missing, 10))
	line("replayed", fmt.Sprintf("%d, of them %d too late for windows", g.Replayed, g.Late))
	line("copies dropped", strconv.FormatInt(g.Dropped, 10))
	for _, s := range g.Splits {
		line("partition "+s.Partition, fmt.Sprintf("%s left at %s, %s read from %s", g.Lost, s.Lost, g.Taken, s.Taken))
	}
	if g.Differs != nil {
		line("differs", *g.Differs)
	}
	if g.Proposal != nil {
		line("to close it", *g.Proposal)
	}
	if g.Late > 0 {
		line("late", "windows lack these rows: make "+g.Job+" anew, then tidemark gaps close "+g.ID)
	}
	return w.Flush()
}

// gapBook is the book of gaps and what writes it.
type gapBook struct {
	*compensation.Book
	stop context.CancelFunc
	all  sync.WaitGroup
}

// openGaps opens the book and begins to write what comes into it.
func (s *server) openGaps(ctx context.Context) error {
	book, err := compensation.Open(ctx, s.meta, s.board, s.logger)
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	s.gaps = &gapBook{Book: book, stop: stop}
	s.gaps.all.Go(func() { book.Run(running) })
	return nil
}

// forgetGaps forgets those of tables that are there no more.
func (s *server) forgetGaps(ctx context.Context) error {
	return s.gaps.Forget(ctx, func(job string) bool {
		_, exists := s.catalog.Table(job)
		return exists
	})
}

// close ends the writing when nothing comes any more.
func (g *gapBook) close() {
	if g != nil {
		g.stop()
		g.all.Wait()
	}
}
