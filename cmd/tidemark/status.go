package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"tidemark/serve/httpapi"
)

func statusCommand() *command {
	o := client{}
	return &command{
		name:  "status",
		short: "how the jobs of a running server do, and what a restart would do",
		usage: `
Usage: tidemark status [--url URL] [--json] [JOB]

Lists the jobs with their state, newest epoch and its age, the events behind it,
and restarts; and for each what it would do if it started anew now, and what went
wrong last.

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
	return printJobs(c.out, list.Jobs)
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
