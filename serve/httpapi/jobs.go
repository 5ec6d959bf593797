package httpapi

import (
	"context"
	"net/http"
	"time"

	"tidemark/base/problem"
)

// Jobs shows and steers what runs. It is called from many goroutines.
type Jobs interface {
	// Statuses lists all jobs by name, with their operators and sources.
	Statuses() []JobStatus
	// Act starts an action and returns when the job has taken it up. Errors are
	// problems: Conflict when the job's state does not allow it.
	Act(ctx context.Context, job string, action JobAction) error
}

// JobAction is something to do to a job.
type JobAction string

// The actions.
const (
	Suspend JobAction = "suspend" // stop after the current epoch
	Resume  JobAction = "resume"  // go on where it was suspended
	Restart JobAction = "restart" // stop and go on from the last epoch
	// MakeSavepoint keeps the present moment under a name, and RestoreSavepoint
	// goes back to one: see Savepoints.
	MakeSavepoint    JobAction = "savepoint"
	RestoreSavepoint JobAction = "restore"
	// RollBack makes a table what it was before its last change, DropPrevious removes
	// that, and Replay builds the table again from its events.
	RollBack     JobAction = "rollback"
	DropPrevious JobAction = "drop-previous"
	Replay       JobAction = "replay"
)

// JobStatus is how a job does. What is null has not been measured.
type JobStatus struct {
	Name          string       `json:"name"`
	State         string       `json:"state" doc:"starting, running, suspended, failed or finished"`
	Tables        []string     `json:"tables" doc:"What it keeps up to date"`
	Error         *Problem     `json:"error,omitempty" doc:"Why it failed, or last restarted"`
	Started       *time.Time   `json:"started_at"`
	RowsIn        int64        `json:"rows_in" doc:"Since it started"`
	RowsOut       int64        `json:"rows_out" doc:"Since it started"`
	RowsPerSecond float64      `json:"rows_per_second" doc:"Read, averaged over about the last second"`
	LateRows      int64        `json:"late_rows" doc:"Came after their window was final"`
	ExpiredKeys   int64        `json:"expired_keys" doc:"Keys that were asked for after their state had expired, since it started, at least: for them the time to live was too short"`
	Waiting       *int64       `json:"waiting_rows" doc:"In its sources, not read yet"`
	LagMillis     *int64       `json:"lag_ms" doc:"From now back to the watermark"`
	Watermark     *time.Time   `json:"watermark"`
	BackPressure  *float64     `json:"back_pressure" doc:"Part of the time, 0 to 1, that its sources wait for what is behind them"`
	Epoch         uint64       `json:"epoch" doc:"The last that was committed"`
	EpochMillis   *float64     `json:"epoch_ms" doc:"How long its commit took"`
	CommittedAt   *time.Time   `json:"committed_at"`
	Restarts      int64        `json:"restarts"`
	LastFailure   *Problem     `json:"last_failure,omitempty" doc:"Since the server started, also when it matters no more"`
	FailedAt      *time.Time   `json:"failed_at,omitempty"`
	Warning       *Problem     `json:"warning,omitempty" doc:"What is not right and does not stop it"`
	Restart       *RestartPlan `json:"restart,omitempty" doc:"What it would do if it started anew now"`
	Upgrade       *Upgrade     `json:"upgrade,omitempty" doc:"Its next version, which is built beside it, or the last that was"`
	StateBytes    *int64       `json:"state_bytes" doc:"Stored, to go on from"`
	SpilledBytes  *int64       `json:"spilled_bytes" doc:"Of state in files because it did not fit in memory, the most since it started"`
	CPUSeconds    *float64     `json:"cpu_seconds" doc:"Of operators, readers and commits since it started; null while it does not run"`
	MemoryBytes   *int64       `json:"memory_bytes" doc:"Of operators' state in memory, of those that count it"`
	HeldBy        *Holdup      `json:"held_by" doc:"Null when nothing holds it back"`
	Operators     []Operator   `json:"operators,omitempty" doc:"In the order of the plan, the sink first. Only of a single job"`
	Sources       []JobSource  `json:"sources,omitempty" doc:"Only of a single job"`
}

// Upgrade is the building of a table's next version beside what it is.
type Upgrade struct {
	Phase    string      `json:"phase" doc:"replaying, catching, swapped or failed"`
	Began    time.Time   `json:"began_at"`
	Replayed int64       `json:"replayed_events"`
	Total    int64       `json:"total_events"`
	Compared *Comparison `json:"compared,omitempty" doc:"The rows of both versions at the same moment"`
	Error    *Problem    `json:"error,omitempty"`
}

// Comparison counts rows of two versions of a table, by the columns that both have.
type Comparison struct {
	Equal     int64 `json:"equal"`
	Differing int64 `json:"differing" doc:"Of the same key"`
	OnlyOld   int64 `json:"only_old"`
	OnlyNew   int64 `json:"only_new"`
}

// JobList is all jobs.
type JobList struct {
	Jobs []JobStatus `json:"jobs"`
}

// replayedFromHeader says from which time on rows are built again.
const replayedFromHeader = "X-Tidemark-Replayed-From"

// JobActionRequest asks for an action.
type JobActionRequest struct {
	Action JobAction `json:"action" enum:"suspend,resume,restart,savepoint,restore,rollback,drop-previous,replay"`
	Name   string    `json:"name,omitempty" doc:"Of the savepoint, for savepoint and restore"`
	// From and ByLog are for replay.
	From  *time.Time `json:"from,omitempty" doc:"For replay: only rows from this time on; all without"`
	ByLog bool       `json:"by_log,omitempty" doc:"For replay: from is when events came, not their event time"`
}

// Replayer builds a part of a table again. Jobs that can fulfil it.
type Replayer interface {
	// ReplayFrom gives the time from which on rows are built again.
	ReplayFrom(ctx context.Context, job string, from time.Time, byLog bool) (time.Time, error)
}

func (s *Server) statuses() []JobStatus {
	if s.config.Jobs == nil {
		return nil
	}
	return s.config.Jobs.Statuses()
}

func (s *Server) listJobs(w http.ResponseWriter, _ *http.Request) error {
	all := s.statuses()
	for i := range all {
		all[i].Operators, all[i].Sources = nil, nil
	}
	return writeJSON(w, http.StatusOK, JobList{Jobs: all})
}

func (s *Server) getJob(w http.ResponseWriter, r *http.Request) error {
	status, err := s.job(r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, status)
}

// job finds a job by name.
func (s *Server) job(name string) (JobStatus, error) {
	all := s.statuses()
	names := make([]string, len(all))
	for i, j := range all {
		if j.Name == name {
			return j, nil
		}
		names[i] = j.Name
	}
	p := problem.New(problem.NotFound, "there is no job %s", name)
	if near := problem.Nearest(name, names); near != "" {
		p.WithHint("did you mean %s?", near)
	}
	return JobStatus{}, p
}

// actOnJob acts on a job and answers with its status afterwards.
func (s *Server) actOnJob(w http.ResponseWriter, r *http.Request) error {
	var request JobActionRequest
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	switch request.Action {
	case Suspend, Resume, Restart, MakeSavepoint, RestoreSavepoint, RollBack, DropPrevious, Replay:
	default:
		return problem.New(problem.InvalidRequest, "action cannot be %q", request.Action).About("action").WithHint("allowed: suspend, resume, restart, savepoint, restore, rollback, drop-previous, replay")
	}
	name := r.PathValue("id")
	if _, err := s.job(name); err != nil {
		return err
	}
	var err error
	replayer, canReplay := s.config.Jobs.(Replayer)
	switch {
	case request.Action == MakeSavepoint || request.Action == RestoreSavepoint:
		err = s.actOnSavepoint(r.Context(), name, request)
	case request.Action == Replay && request.From != nil && canReplay:
		var cut time.Time
		cut, err = replayer.ReplayFrom(r.Context(), name, *request.From, request.ByLog)
		w.Header().Set(replayedFromHeader, cut.Format(time.RFC3339Nano))
	case request.From != nil || request.ByLog:
		err = problem.New(problem.InvalidRequest, "from and by_log are for replay").About("from").WithHint(`{"action":"replay","from":"2026-05-01T00:00:00Z"}`)
	default:
		err = s.config.Jobs.Act(r.Context(), name, request.Action)
	}
	if err != nil {
		return err
	}
	return s.getJob(w, r)
}
