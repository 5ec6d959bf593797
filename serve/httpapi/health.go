package httpapi

import "net/http"

// Health says that the process answers.
type Health struct {
	Status  string `json:"status" enum:"ok"`
	Version string `json:"version"`
}

// Readiness says whether the server can do its work.
type Readiness struct {
	Ready   bool     `json:"ready"`
	Missing []string `json:"missing" doc:"What has to happen first"`
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, Health{Status: "ok", Version: s.config.Version})
}

func (s *Server) readiness(w http.ResponseWriter, _ *http.Request) error {
	missing := s.config.Missing()
	status := http.StatusOK
	if len(missing) > 0 {
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, Readiness{Ready: len(missing) == 0, Missing: missing})
}

func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) error {
	s.config.Telemetry.Handler().ServeHTTP(w, r)
	return nil
}

func (s *Server) showOpenAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(s.openapi) // a client that does not read on has left
	return nil
}
