package httpapi

import (
	"context"
	"net/http"

	"tidemark/base/problem"
)

// Quotas are how much may come in for the tables of a tenant together. It is called
// from many goroutines; errors are problems, or ours.
type Quotas interface {
	// Quota is zero for a tenant without one.
	Quota(ctx context.Context, tenant string) (Quota, error)
	SetQuota(ctx context.Context, tenant string, q Quota) error
}

// Quota is how much may come in a second.
type Quota struct {
	Events int64 `json:"events_per_second" minimum:"0" doc:"0 does not limit"`
	Bytes  int64 `json:"bytes_per_second" minimum:"0" doc:"0 does not limit"`
}

func (s *Server) quotas() (Quotas, error) {
	if s.config.Quotas == nil {
		return nil, problem.New(problem.Unsupported, "this server keeps no quotas").WithHint("ask the one that takes the events")
	}
	return s.config.Quotas, nil
}

func (s *Server) getQuota(w http.ResponseWriter, r *http.Request) error {
	kept, err := s.quotas()
	if err != nil {
		return err
	}
	q, err := kept.Quota(r.Context(), r.PathValue("tenant"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, q)
}

func (s *Server) setQuota(w http.ResponseWriter, r *http.Request) error {
	kept, err := s.quotas()
	if err != nil {
		return err
	}
	var q Quota
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if err := kept.SetQuota(r.Context(), r.PathValue("tenant"), q); err != nil {
		return err
	}
	return s.getQuota(w, r)
}
