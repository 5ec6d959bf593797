package httpapi

import (
	"context"
	"net/http"
	"strings"

	"tidemark/base/problem"
)

// Definer executes statements that define something: CREATE, ALTER, DROP. It is
// called from many goroutines. Results are those of the statements that were
// executed, also when an error ends them; errors are problems, or ours.
type Definer interface {
	Execute(ctx context.Context, text string) ([]Result, error)
}

// Result is what became of one statement.
type Result struct {
	Kind    string `json:"kind" doc:"What the statement is about" example:"table"`
	Name    string `json:"name" doc:"What it is called"`
	Changed bool   `json:"changed" doc:"False when everything was as asked already"`
	Message string `json:"message" doc:"One sentence"`
}

// StatementsRequest is statements to execute.
type StatementsRequest struct {
	SQL string `json:"sql" minLength:"1" doc:"Statements separated by semicolons"`
}

// StatementsAnswer is what became of the statements.
type StatementsAnswer struct {
	Results []Result `json:"results" doc:"One for each statement"`
}

// execute passes statements to the Definer.
func (s *Server) execute(w http.ResponseWriter, r *http.Request) error {
	var request StatementsRequest
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	if strings.TrimSpace(request.SQL) == "" {
		return problem.New(problem.InvalidRequest, "there is no statement").About("sql")
	}
	if s.config.Definer == nil {
		return problem.New(problem.Unsupported, "this server takes no definitions").WithHint("change the files of its project")
	}
	results, err := s.config.Definer.Execute(r.Context(), request.SQL)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, StatementsAnswer{Results: results})
}
