package httpapi

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"io/fs"
	"net/http"

	"tidemark/base/problem"
)

const (
	projectBytesMax = 32 << 20
	projectType     = "application/zip"
)

// Projects compares a folder of definitions with what the server has, and makes it
// true. It is called from many goroutines; errors are problems, or ours.
type Projects interface {
	// Plan changes nothing.
	Plan(ctx context.Context, project ProjectRequest) (ProjectPlan, error)
	// Apply returns when what was asked for is so, and gives what it had to do.
	Apply(ctx context.Context, project ProjectRequest) (ProjectPlan, error)
}

// ProjectRequest is a project that a client sent.
type ProjectRequest struct {
	Files       fs.FS
	Environment string // "" for the one named dev, if there is one
	Prune       bool   // what is not in the project is to be dropped
}

// ProjectPlan is what the applying of a project does.
type ProjectPlan struct {
	Changes   bool          `json:"changes" doc:"False when there is nothing to do"`
	Steps     []ProjectStep `json:"steps"`
	Unchanged int           `json:"unchanged" doc:"Definitions that are as the project has them"`
}

// ProjectStep is what is done to one definition.
type ProjectStep struct {
	Action    string            `json:"action" enum:"create,change,rebuild,unasked,drop" doc:"unasked: it is not in the project and stays"`
	Kind      string            `json:"kind" example:"materialized table"`
	Name      string            `json:"name"`
	Position  *Position         `json:"position,omitempty" doc:"In the project"`
	Because   string            `json:"because,omitempty"`
	Reads     []ProjectReading  `json:"reads,omitempty" doc:"What is read of the event log, or of other systems"`
	Operators []ProjectOperator `json:"operators,omitempty" doc:"Those that remember rows, and what becomes of their state"`
	Millis    int64             `json:"replay_ms,omitzero" doc:"How long the reading takes, guessed"`
	Warnings  []string          `json:"warnings,omitempty"`
}

// ProjectReading is what a step has to read of one table.
type ProjectReading struct {
	Table  string `json:"table"`
	Events *int64 `json:"events" doc:"Null for tables of other systems"`
	Bytes  *int64 `json:"bytes"`
	GoesOn bool   `json:"goes_on,omitzero" doc:"Only what comes behind state that goes over is read"`
}

// ProjectOperator is what becomes of an operator's state.
type ProjectOperator struct {
	Operator  string `json:"operator"`
	Unchanged bool   `json:"unchanged" doc:"The plan that runs has the same over the same input"`
	Kept      bool   `json:"kept" doc:"Its state goes over to the new plan"`
	Replays   string `json:"replays_because,omitempty" doc:"Why its state is made anew"`
}

func (s *Server) planProject(w http.ResponseWriter, r *http.Request) error {
	return s.project(w, r, Projects.Plan)
}

func (s *Server) applyProject(w http.ResponseWriter, r *http.Request) error {
	return s.project(w, r, Projects.Apply)
}

func (s *Server) project(w http.ResponseWriter, r *http.Request, do func(Projects, context.Context, ProjectRequest) (ProjectPlan, error)) error {
	if s.config.Projects == nil {
		return problem.New(problem.Unsupported, "this server takes no projects").WithHint("ask the one that runs the jobs")
	}
	request, err := readProject(w, r)
	if err != nil {
		return err
	}
	plan, err := do(s.config.Projects, r.Context(), request)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, plan)
}

// readProject reads an archive of a project's folder. Its files are stored, not
// compressed, so that they have no more bytes than the body.
func readProject(w http.ResponseWriter, r *http.Request) (request ProjectRequest, err error) {
	query := r.URL.Query()
	for name := range query {
		if name != "env" && name != "prune" {
			return request, problem.New(problem.InvalidRequest, "there is no parameter %q", name).About(name).WithHint("parameters: env, prune")
		}
	}
	switch prune := query.Get("prune"); prune {
	case "", "false":
	case "true":
		request.Prune = true
	default:
		return request, problem.New(problem.InvalidRequest, "prune is %q", prune).About("prune").WithHint("allowed: true, false")
	}
	request.Environment = query.Get("env")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, projectBytesMax))
	if err != nil {
		return request, bodyProblem(err, projectBytesMax)
	}
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil {
		return request, problem.New(problem.InvalidRequest, "the body is no zip archive: %v", err).WithHint("tidemark apply sends one; zip -0 -r makes one")
	}
	for _, f := range archive.File {
		if f.Method != zip.Store {
			return request, problem.New(problem.InvalidRequest, "%s is compressed in the archive", f.Name).WithHint("make the archive with zip -0")
		}
	}
	request.Files = archive
	return request, nil
}
