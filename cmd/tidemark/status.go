package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"tidemark/serve/httpapi"
)

func statusCommand() *command {
	o := client{}
	return &command{
		name:  "status",
		short: "how the jobs of a running server do, what a restart would do, and what is held",
		usage: `
Usage: tidemark status [--url URL] [--json] [JOB]

Lists the jobs with their state, newest epoch and its age, the events behind it,
and restarts; for each what it would do if it started anew now, and what went
wrong last; and the events that retention has to keep, with who needs them.

Examples:
  tidemark status
  tidemark status --json ads_minute`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
			f.BoolVar(&o.json, "json", false, "print the server's answer as JSON")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 1 {
				return usagef("unexpected argument %q", args[1])
			}
			return o.status(ctx, c, args)
		},
	}
}

func (o *client) status(ctx context.Context, c *console, names []string) error {
	path := "/api/v1/jobs"
	for _, name := range names {
		path += "/" + escape(name)
	}
	body, err := o.call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if o.json {
		return o.print(c, body)
	}
	var list httpapi.JobList
	if len(names) == 0 {
		err = json.Unmarshal(body, &list)
	} else {
		list.Jobs = make([]httpapi.JobStatus, 1)
		err = json.Unmarshal(body, &list.Jobs[0])
	}
	if err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	if body, err = o.call(ctx, http.MethodGet, "/api/v1/tables", nil); err != nil {
		return err
	}
	var tables httpapi.TableList
	if err := json.Unmarshal(body, &tables); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	return errors.Join(printJobs(c.out, list.Jobs), printHolds(c.out, holdsOf(tables.Tables, names)))
}

// hold is what a job or a savepoint needs of a table's events, all partitions together.
type hold struct {
	table, by string
	events    int64
	since     time.Time // when the oldest of them came
}

// holdsOf are the holds that keep events, by table; those of the named jobs, or all.
func holdsOf(tables []httpapi.TableSummary, jobs []string) []hold {
	var all []hold
	for _, t := range tables {
		if t.Log == nil {
			continue
		}
		first := len(all)
		for _, h := range t.Log.Holds {
			holder := strings.Fields(h.By)
			if h.Since == nil || len(jobs) > 0 && (len(holder) < 2 || !slices.Contains(jobs, holder[1])) {
				continue
			}
			at := slices.IndexFunc(all[first:], func(seen hold) bool { return seen.by == h.By })
			if at < 0 {
				at = len(all) - first
				all = append(all, hold{table: t.Name, by: h.By, since: *h.Since})
			}
			one := &all[first+at]
			one.events += h.Behind
			if h.Since.Before(one.since) {
				one.since = *h.Since
			}
		}
	}
	return all
}

// printHolds prints who keeps which events; nothing where nothing is held.
func printHolds(out io.Writer, all []hold) error {
	if len(all) == 0 {
		return nil
	}
	fmt.Fprint(out, "\nHeld in the event log, whatever the retention, because somebody has not read it yet or may go back to it:\n")
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "TABLE\tEVENTS\tSINCE, ABOUT\tBY")
	for _, h := range all {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", h.table, h.events, h.since.Format(time.RFC3339), h.by)
	}
	return w.Flush()
}

// printJobs prints a table of the jobs, and below it what there is to say in words.
func printJobs(out io.Writer, jobs []httpapi.JobStatus) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tSTATE\tEPOCH\tAGE\tTO READ\tRESTARTS")
	for _, j := range jobs {
		age, replay := "-", "-"
		if r := j.Restart; r != nil {
			if r.Epoch > 0 {
				age = (time.Duration(r.AgeMillis) * time.Millisecond).String()
			}
			if r.Replay != nil {
				replay = strconv.FormatInt(*r.Replay, 10)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%d\n", j.Name, j.State, j.Epoch, age, replay, j.Restarts)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, j := range jobs {
		if j.Restart != nil {
			fmt.Fprintf(out, "\n%s, started anew, %s.\n", j.Name, j.Restart.Does)
		}
		if u := j.Upgrade; u != nil {
			fmt.Fprintf(out, "  Its new version of %s is %s: %d of %d events read.\n", u.Began.Format(time.RFC3339), u.Phase, u.Replayed, u.Total)
			if c := u.Compared; c != nil {
				fmt.Fprintf(out, "  Rows of both versions: %d equal, %d differ, %d only in the old, %d only in the new.\n", c.Equal, c.Differing, c.OnlyOld, c.OnlyNew)
			}
			if u.Error != nil {
				fmt.Fprintf(out, "  %s [%s]\n", u.Error.Detail, u.Error.Code)
			}
		}
		if j.Warning != nil {
			fmt.Fprintf(out, "  Warning: %s [%s]\n", j.Warning.Detail, j.Warning.Code)
		}
		if j.LastFailure != nil && j.FailedAt != nil {
			fmt.Fprintf(out, "  Failed at %s: %s [%s]\n", j.FailedAt.Format(time.RFC3339), j.LastFailure.Detail, j.LastFailure.Code)
		}
	}
	return nil
}
