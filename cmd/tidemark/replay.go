package main

import (
	"context"
	"flag"

	"tidemark/base/problem"
	"tidemark/serve/httpapi"
)

func replayCommand() *command {
	o := client{}
	var from string
	var back, drop bool
	return &command{
		name:  "replay",
		short: "build a table again from its events, or go back to what it was",
		usage: `
Usage: tidemark replay [--url URL] [--rollback | --drop-previous] TABLE

Builds a materialized table again from all events that the log has, beside what it
is, and puts the one in the place of the other in one step. With --rollback the
table becomes what it was before its last change; --drop-previous removes what it
was, and lets go of the events that are held for it.

Examples:
  tidemark replay ads_minute
  tidemark replay --rollback ads_minute`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
			f.BoolVar(&back, "rollback", false, "go back to what the table was before its last change")
			f.BoolVar(&drop, "drop-previous", false, "remove what the table was before its last change")
			f.StringVar(&from, "from", "", "not built yet: replay only events from this time on")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) != 1 {
				return usagef("name one table")
			}
			if from != "" {
				return problem.New(problem.Unsupported, "a replay from a time on is not built yet").WithHint("leave --from out: all events are read")
			}
			action := httpapi.Replay
			switch {
			case back && drop:
				return usagef("--rollback and --drop-previous exclude each other")
			case back:
				action = httpapi.RollBack
			case drop:
				action = httpapi.DropPrevious
			}
			if _, err := o.post(ctx, "/api/v1/jobs/"+escape(args[0])+"/actions", httpapi.JobActionRequest{Action: action}); err != nil {
				return err
			}
			return o.status(ctx, c, args)
		},
	}
}
