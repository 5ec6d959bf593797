package main

import (
	"context"
	"flag"
	"time"

	"tidemark/serve/httpapi"
)

func replayCommand() *command {
	o := client{}
	var from string
	var back, drop, byLog bool
	return &command{
		name:  "replay",
		short: "build a table again from its events, or go back to what it was",
		usage: `
Usage: tidemark replay [--url URL] [--from TIME [--by-log]] TABLE
       tidemark replay [--url URL] --rollback | --drop-previous TABLE

Builds a materialized table again from all events that the log has, beside what it
is, and puts the one in the place of the other in one step. With --from only windows
with events of that time or later are built again, or, with --by-log, of events that
came then or later; the others stay as they are. Tables that are no windows over the
events of one native table cannot be replayed from the middle. With --rollback the
table becomes what it was before its last change; --drop-previous removes what it
was, and lets go of the events that are held for it.

Examples:
  tidemark replay ads_minute
  tidemark replay --from 2026-05-01T00:00:00Z ads_minute`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
			f.BoolVar(&back, "rollback", false, "go back to what the table was before its last change")
			f.BoolVar(&drop, "drop-previous", false, "remove what the table was before its last change")
			f.StringVar(&from, "from", "", "replay only from this time on, such as 2026-05-01T00:00:00Z")
			f.BoolVar(&byLog, "by-log", false, "--from is when events came, not their event time")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) != 1 {
				return usagef("name one table")
			}
			request := httpapi.JobActionRequest{Action: httpapi.Replay, ByLog: byLog}
			if from != "" {
				at, err := time.Parse(time.RFC3339Nano, from)
				if err != nil {
					return usagef("--from is %q, not a time such as 2026-05-01T00:00:00Z", from)
				}
				request.From = &at
			}
			switch {
			case (back || drop || from == "") && (from != "" || byLog):
				return usagef("--from goes without --rollback and --drop-previous, and --by-log with --from")
			case back && drop:
				return usagef("--rollback and --drop-previous exclude each other")
			case back:
				request.Action = httpapi.RollBack
			case drop:
				request.Action = httpapi.DropPrevious
			}
			if _, err := o.post(ctx, "/api/v1/jobs/"+escape(args[0])+"/actions", request); err != nil {
				return err
			}
			return o.status(ctx, c, args)
		},
	}
}
