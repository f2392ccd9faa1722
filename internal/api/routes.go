package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"shouwang/internal/errs"
)

// routes are all routes of the program.
func (s *Server) routes() {
	s.mux.HandleFunc("GET /healthz", s.healthy)
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.HandleFunc("/", s.nothing)
}

// takesFiles reports whether the route takes a file.
func (s *Server) takesFiles(*http.Request) bool { return false }

// healthy says that the process answers.
func (s *Server) healthy(w http.ResponseWriter, r *http.Request) {
	about(r.Context()).route = "GET /healthz"
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready says that the stores answer and the server is not stopping.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	about(r.Context()).route = "GET /readyz"
	err := s.app.Ready(r.Context())
	if err != nil || s.stopping.Load() {
		if err != nil {
			s.log.Error("not ready", "error", err.Error())
		}
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away is told nothing
}

// nothing answers what no route does: 405 when the path exists for another method.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
		if _, pattern := s.mux.Handler(probe); pattern != "" && pattern != "/" {
			allowed = append(allowed, m)
		}
	}
	if len(allowed) == 0 {
		s.answer(w, r, problem(http.StatusNotFound, "no_route", errs.New(errs.NotFound, "没有这个地址", "there is no such address")))
		return
	}
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.answer(w, r, problem(http.StatusMethodNotAllowed, "method", errs.New(errs.Invalid, "这个地址不支持这种请求方法", "the address does not take this method")))
}
