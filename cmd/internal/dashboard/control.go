package dashboard

import (
	"context"
	"errors"
	"net/http"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// What a node can be told to do.
const (
	Stop  = "stop"  // end in good order
	Kill  = "kill"  // end at once, without a word
	Start = "start" // run again, after it has ended
)

// Control is the manager, as far as the page needs it: it tells nodes what to
// do, and asks them. The run is named so that a click that comes late does
// not hit a node of the next one; then, and for a node that is not there, the
// error is fault.NotFound. Errors are shown to the user.
type Control interface {
	// Do returns when it is done: the process has ended, or runs again.
	Do(ctx context.Context, run, node, action string) error
	Sockets(ctx context.Context, run, node string) ([]load.SocketRow, error)
}

// controlTime bounds a command.
const controlTime = 20 * time.Second

// command has a node stopped, killed or started.
func (s *server) command(action string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), controlTime)
		defer cancel()
		if err := s.cfg.Control.Do(ctx, r.FormValue("run"), r.FormValue("node"), action); err != nil {
			refuse(w, err)
			return
		}
		agent.Answer(w, http.StatusOK, struct{}{})
	}
}

// may tells a page whether commands of its viewer would be taken.
func (s *server) may(w http.ResponseWriter, r *http.Request) {
	agent.Answer(w, http.StatusOK, agent.MayCommand(s.cfg.Token, r))
}

// sockets asks a node for its socket table. That a node does not answer, for it
// may be on its way out, is no fault of the page's question: it is told why.
func (s *server) sockets(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), controlTime)
	defer cancel()
	rows, err := s.cfg.Control.Sockets(ctx, r.FormValue("run"), r.FormValue("node"))
	switch {
	case errors.Is(err, fault.NotFound):
		refuse(w, err)
	case err != nil:
		agent.Answer(w, http.StatusOK, map[string]string{"why": err.Error()})
	default:
		agent.Answer(w, http.StatusOK, rows)
	}
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	if errors.Is(err, fault.NotFound) {
		status = http.StatusNotFound
	}
	http.Error(w, err.Error(), status)
}
