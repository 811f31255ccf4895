package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"starmesh/common/load"
)

// handler answers the requests.
type handler struct {
	cfg  Config
	stop sync.Once
}

// newHandler builds the routes. It fails if a command has an impossible name
// or the metrics cannot be registered.
func newHandler(cfg Config) (http.Handler, error) {
	h := &handler{cfg: cfg}
	metrics, err := h.metrics()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.index)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("GET /load", h.load)
	mux.HandleFunc("GET /sockets", h.sockets)
	mux.Handle("GET /metrics", metrics)
	for name := range h.commands() {
		if name == "" || strings.ContainsAny(name, "/{} ?#%") {
			return nil, fmt.Errorf("an agent command cannot be called %q", name)
		}
		mux.HandleFunc("POST /"+name, h.command)
	}
	return Guard(cfg.Token, cfg.Names, mux), nil
}

// metrics gathers the node's figures, those of the process and of Go, and what
// the configuration adds.
func (h *handler) metrics() (http.Handler, error) {
	own := prometheus.NewRegistry()
	for _, c := range []prometheus.Collector{
		load.Collector(h.cfg.Reporter),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := own.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	all := append(prometheus.Gatherers{own}, h.cfg.Gatherers...)
	// Two gatherers may both know of the process; then the first is told of.
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}), nil
}

func (h *handler) commands() map[string]Command {
	all := make(map[string]Command, len(h.cfg.Commands)+1)
	maps.Copy(all, h.cfg.Commands)
	if h.cfg.Stop != nil {
		all["stop"] = h.stopNode
	}
	return all
}

func (h *handler) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	var text strings.Builder
	text.WriteString("starmesh agent\n\nGET  /healthz\nGET  /load\nGET  /sockets  /sockets?format=text\nGET  /metrics\n")
	for _, name := range slices.Sorted(maps.Keys(h.commands())) {
		fmt.Fprintf(&text, "POST /%s\n", name)
	}
	fmt.Fprintf(&text, "\nCommands need the header %s: 1, or a token.\n", CommandHeader)
	_, _ = io.WriteString(w, text.String()) // a client that has gone needs no answer
}

func (h *handler) load(w http.ResponseWriter, _ *http.Request) {
	Answer(w, http.StatusOK, h.cfg.Reporter.Sample(load.Sample))
}

func (h *handler) sockets(w http.ResponseWriter, r *http.Request) {
	rows := h.cfg.Sockets.Table()
	switch format := r.FormValue("format"); format {
	case "", "json":
		Answer(w, http.StatusOK, rows)
	case "text":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_ = WriteSockets(w, rows) // a client that has gone needs no answer
	default:
		http.Error(w, fmt.Sprintf("there is no format %q: json or text", format), http.StatusBadRequest)
	}
}

func (h *handler) stopNode(context.Context, url.Values) (any, error) {
	h.stop.Do(h.cfg.Stop)
	return map[string]string{"state": "stopping"}, nil
}

func (h *handler) command(w http.ResponseWriter, r *http.Request) {
	do := h.commands()[strings.TrimPrefix(r.URL.Path, "/")]
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	if err := r.ParseForm(); err != nil {
		http.Error(w, fmt.Sprintf("the arguments cannot be read: %v", err), http.StatusBadRequest)
		return
	}
	result, err := do(ctx, r.Form)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if result == nil {
		result = struct{}{}
	}
	Answer(w, http.StatusOK, result)
}

// Answer answers a request with v as JSON.
func Answer(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that has gone needs no answer
}
