package httpapi

import (
	"context"
	"io"
	"net/http"
	"time"

	"tidemark/base/problem"
)

// savepointBytesMax bounds a file that is imported; it goes to the disk as it comes.
const savepointBytesMax = 64 << 30

// Savepoints keeps moments of jobs and takes jobs back to them. It is called from
// many goroutines; errors are problems, or ours.
type Savepoints interface {
	Save(ctx context.Context, job, name string) (Savepoint, error)
	// List gives the newest first.
	List(job string) ([]Savepoint, error)
	Restore(ctx context.Context, job, name string) error
	Forget(ctx context.Context, job, name string) error
	// Export opens a savepoint's file, which the caller closes.
	Export(job, name string) (io.ReadCloser, error)
	Import(ctx context.Context, job, name string, file io.Reader) (Savepoint, error)
}

// Savepoint is a moment of a job that is kept.
type Savepoint struct {
	Name      string    `json:"name"`
	Job       string    `json:"job"`
	Automatic bool      `json:"automatic" doc:"Made from time to time, to fall back to"`
	Epoch     uint64    `json:"epoch"`
	TakenAt   time.Time `json:"taken_at"`
	Bytes     int64     `json:"bytes"`
	Fits      bool      `json:"fits" doc:"It belongs to the definition as it is now, and can be restored"`
}

// SavepointList is the savepoints of a job.
type SavepointList struct {
	Savepoints []Savepoint `json:"savepoints"`
}

// RestartPlan is what a job would do if it started anew now.
type RestartPlan struct {
	Epoch      uint64      `json:"epoch" doc:"That it would go on from; 0 for the beginning of its sources"`
	AgeMillis  int64       `json:"age_ms" doc:"Of that epoch"`
	Replay     *int64      `json:"replay_events" doc:"That it would read"`
	Does       string      `json:"does" doc:"The same as a sentence"`
	Savepoints []Savepoint `json:"savepoints" doc:"What there is to go back to, newest first"`
}

func (s *Server) savepoints() (Savepoints, error) {
	if s.config.Savepoints == nil {
		return nil, problem.New(problem.Unsupported, "this server keeps no savepoints").WithHint("ask the one that runs the jobs")
	}
	return s.config.Savepoints, nil
}

func (s *Server) listSavepoints(w http.ResponseWriter, r *http.Request) error {
	kept, err := s.savepoints()
	if err != nil {
		return err
	}
	all, err := kept.List(r.PathValue("id"))
	if err != nil {
		return err
	}
	if all == nil {
		all = []Savepoint{}
	}
	return writeJSON(w, http.StatusOK, SavepointList{Savepoints: all})
}

// exportSavepoint sends the file. One that breaks off lacks its end, which the
// import notices.
func (s *Server) exportSavepoint(w http.ResponseWriter, r *http.Request) error {
	kept, err := s.savepoints()
	if err != nil {
		return err
	}
	file, err := kept.Export(r.PathValue("id"), r.PathValue("name"))
	if err != nil {
		return err
	}
	defer file.Close()
	w.Header().Set("Content-Type", savepointType)
	w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

const savepointType = "application/octet-stream"

func (s *Server) importSavepoint(w http.ResponseWriter, r *http.Request) error {
	kept, err := s.savepoints()
	if err != nil {
		return err
	}
	one, err := kept.Import(r.Context(), r.PathValue("id"), r.PathValue("name"), http.MaxBytesReader(w, r.Body, savepointBytesMax))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, one)
}

func (s *Server) forgetSavepoint(w http.ResponseWriter, r *http.Request) error {
	kept, err := s.savepoints()
	if err != nil {
		return err
	}
	if err := kept.Forget(r.Context(), r.PathValue("id"), r.PathValue("name")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// actOnSavepoint carries out the actions that are about a savepoint.
func (s *Server) actOnSavepoint(ctx context.Context, job string, request JobActionRequest) error {
	kept, err := s.savepoints()
	if err != nil {
		return err
	}
	if request.Name == "" {
		return problem.New(problem.InvalidRequest, "the action %s needs the name of a savepoint", request.Action).About("name").WithHint(`{"action":"%s","name":"before-change"}`, request.Action)
	}
	if request.Action == RestoreSavepoint {
		return kept.Restore(ctx, job, request.Name)
	}
	_, err = kept.Save(ctx, job, request.Name)
	return err
}
