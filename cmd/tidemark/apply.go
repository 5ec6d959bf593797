package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"time"

	"tidemark/base/problem"
	"tidemark/serve/httpapi"
	"tidemark/target"
)

const applyInterval = 200 * time.Millisecond // between looks at what is still being built

func applyCommand() *command {
	var o projectClient
	var dry bool
	return &command{
		name:  "apply",
		short: "make a project true on a running server",
		usage: `
Usage: tidemark apply [-p DIR] [--env NAME] [--url URL] [--prune] [--dry-run] [--json]

Makes a running server have what a project says, and waits until all of it is so.
Changed tables are built beside what they are and take its place when they have
caught up; applying again after an interruption goes on with what was begun. What is
not in the project stays, unless --prune is given. A server that is started with a
project of its own (run -p) applies that one again at its next start.

--dry-run is tidemark plan, with its exit codes: 0 there is nothing to do, 2 there
are changes, 1 the project is wrong.

Examples:
  tidemark apply -p examples/ads/project
  tidemark apply --env prod --dry-run`,
		flags: func(f *flag.FlagSet) {
			o.define(f)
			f.BoolVar(&dry, "dry-run", false, "only print what would be done")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) > 0 {
				return usagef("unexpected argument %q", args[0])
			}
			if dry {
				return o.plan(ctx, c)
			}
			if c.terminal {
				fmt.Fprintln(c.err, "applying …")
			}
			if _, err := o.send(ctx, c, "apply"); err != nil {
				return err
			}
			return o.awaitBuilt(ctx, c)
		},
	}
}

// awaitBuilt waits until no table is being built beside what it is.
func (o *projectClient) awaitBuilt(ctx context.Context, c *console) error {
	shown, seen := "", map[string]bool{}
	for {
		body, err := o.call(ctx, http.MethodGet, "/api/v1/jobs", nil)
		if err != nil {
			return err
		}
		var list httpapi.JobList
		if err := json.Unmarshal(body, &list); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		building := ""
		for _, j := range list.Jobs {
			switch u := j.Upgrade; {
			case u == nil:
			case u.Phase == string(target.Replaying) || u.Phase == string(target.Catching):
				seen[j.Name] = true
				building += fmt.Sprintf(" %s (%d of %d events)", j.Name, u.Replayed, u.Total)
			case seen[j.Name] && u.Error != nil && u.Error.Code != problem.Canceled:
				return problem.New(u.Error.Code, "%s stays what it was: %s", j.Name, u.Error.Detail).WithHint("%s", u.Error.Hint)
			}
		}
		if building == "" {
			return nil
		}
		if c.terminal && building != shown {
			fmt.Fprintf(c.err, "building%s\n", building)
			shown = building
		}
		select {
		case <-time.After(applyInterval):
		case <-ctx.Done():
			return problem.New(problem.Canceled, "canceled; what was begun goes on").WithHint("tidemark status shows how far it is")
		}
	}
}
