package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"tidemark/base/problem"
	"tidemark/base/vfs"
	"tidemark/serve/httpapi"
)

func savepointCommand() *command {
	o := client{}
	return &command{
		name:  "savepoint",
		short: "keep the moment of a job, and take it back there",
		usage: `
Usage: tidemark savepoint [--url URL] create|restore|delete TABLE NAME
       tidemark savepoint [--url URL] [--json] list TABLE
       tidemark savepoint [--url URL] export|import TABLE NAME FILE

A savepoint holds a job's state and the rows of its table as they belong together.
A job that is taken back to one reads what came later again from the event log. It
fits only the definition that it was made under.

Examples:
  tidemark savepoint create ads_minute before-change
  tidemark savepoint export ads_minute before-change ads_minute.save`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&o.url, "url", "http://127.0.0.1:8080", "where the server is")
			f.BoolVar(&o.json, "json", false, "print the server's answers as JSON")
		},
		run: func(ctx context.Context, c *console, args []string) error {
			if len(args) == 0 {
				return usagef("say what to do: create, list, restore, delete, export or import")
			}
			want := map[string]int{"create": 3, "list": 2, "restore": 3, "delete": 3, "export": 4, "import": 4}[args[0]]
			if want == 0 {
				return usagef("cannot %s a savepoint: create, list, restore, delete, export or import", args[0])
			}
			if len(args) != want {
				return usagef("%s takes %d arguments, not %d", args[0], want-1, len(args)-1)
			}
			return o.savepoint(ctx, c, args[0], args[1], args[2:])
		},
	}
}

func escape(part string) string { return url.PathEscape(part) }

func (o *client) savepoint(ctx context.Context, c *console, what, table string, args []string) error {
	all := "/api/v1/jobs/" + escape(table) + "/savepoints"
	if what == "list" {
		return o.listSavepoints(ctx, c, all)
	}
	one := all + "/" + escape(args[0])
	switch what {
	case "create", "restore":
		action := map[string]httpapi.JobAction{"create": httpapi.MakeSavepoint, "restore": httpapi.RestoreSavepoint}[what]
		body, err := o.post(ctx, "/api/v1/jobs/"+escape(table)+"/actions", httpapi.JobActionRequest{Action: action, Name: args[0]})
		if err != nil || o.json {
			return errors.Join(err, o.print(c, body))
		}
		done := map[string]string{"create": "savepoint %s of %s is made\n", "restore": "went back to savepoint %s of %s\n"}[what]
		fmt.Fprintf(c.out, done, args[0], table)
		return nil
	case "delete":
		if _, err := o.call(ctx, http.MethodDelete, one, nil); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "savepoint %s of %s is deleted\n", args[0], table)
		return nil
	case "export":
		return o.exportSavepoint(ctx, c, one, args[1])
	}
	return o.importSavepoint(ctx, c, one, args[1])
}

func (o *client) print(c *console, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(c.out, "%s\n", body)
	return err
}

func (o *client) listSavepoints(ctx context.Context, c *console, path string) error {
	body, err := o.call(ctx, http.MethodGet, path, nil)
	if err != nil || o.json {
		return errors.Join(err, o.print(c, body))
	}
	var list httpapi.SavepointList
	if err := json.Unmarshal(body, &list); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tTAKEN\tEPOCH\tBYTES\tFITS")
	for _, s := range list.Savepoints {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\n", s.Name, s.TakenAt.Format(time.RFC3339), s.Epoch, s.Bytes, map[bool]string{true: "yes", false: "another definition"}[s.Fits])
	}
	return w.Flush()
}

// exportSavepoint writes the file beside its name first, so that what bears the
// name is whole.
func (o *client) exportSavepoint(ctx context.Context, c *console, path, to string) error {
	body, err := o.stream(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	files := vfs.OS()
	f, err := files.Create(to + ".new")
	if err != nil {
		return problem.New(problem.InvalidRequest, "%s cannot be written: %v", to, err)
	}
	size, err := io.Copy(f, body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = files.Rename(to+".new", to)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", to, err), vfs.RemoveTree(files, to+".new"))
	}
	fmt.Fprintf(c.out, "%s has %d bytes\n", to, size)
	return nil
}

func (o *client) importSavepoint(ctx context.Context, c *console, path, from string) error {
	f, err := vfs.OS().Open(from)
	if err != nil {
		return problem.New(problem.NotFound, "%s cannot be read: %v", from, err)
	}
	defer f.Close()
	body, err := o.call(ctx, http.MethodPost, path, f)
	if err != nil || o.json {
		return errors.Join(err, o.print(c, body))
	}
	var s httpapi.Savepoint
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("read the server's answer: %w", err)
	}
	fmt.Fprintf(c.out, "savepoint %s of %s is of epoch %d\n", s.Name, s.Job, s.Epoch)
	return nil
}
