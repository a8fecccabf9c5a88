package outbound

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestRedirects(t *testing.T) {
	zone := map[string]string{"good.example": internet, "other.example": internet, "bad.example": "127.0.0.1"}
	hop := func(w http.ResponseWriter, r *http.Request) {
		_, port, _ := strings.Cut(r.Host, ":")
		to := map[string]string{
			"/same":     "/",
			"/loop":     "/loop",
			"/two":      "/same",
			"/other":    "http://other.example:" + port + "/",
			"/internal": "http://bad.example:" + port + "/",
			"/literal":  "http://127.0.0.1:" + port + "/",
			"/metadata": "http://169.254.169.254/",
			"/port":     "http://good.example:22/",
			"/user":     "http://a@good.example:" + port + "/",
			"/file":     "file:///etc/passwd",
		}[r.URL.Path]
		if to == "" {
			w.Write([]byte("hello"))
			return
		}
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
	pub, internal, base := world(t, false, hop, zone)
	for _, c := range []struct {
		path   string
		follow int
		cross  bool
		want   error
		status int
	}{
		{"/same", 0, false, nil, 302}, // handed back
		{"/internal", 0, true, nil, 302},
		{"/same", 1, false, nil, 200},
		{"/two", 1, false, ErrRedirect, 0},
		{"/two", 2, false, nil, 200},
		{"/loop", 5, false, ErrRedirect, 0},
		{"/other", 3, false, ErrRedirect, 0},
		{"/other", 3, true, nil, 200},
		{"/internal", 3, true, ErrForbidden, 0},
		{"/literal", 3, true, ErrForbidden, 0},
		{"/metadata", 3, true, ErrForbidden, 0},
		{"/port", 3, true, ErrForbidden, 0},
		{"/user", 3, true, ErrForbidden, 0},
		{"/file", 3, true, ErrForbidden, 0},
	} {
		o := base
		o.Redirects, o.CrossHost = c.follow, c.cross
		resp, err := NewClient(o).Get("http://" + on("good.example", pub) + c.path)
		status := 0
		if err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		}
		if !errors.Is(err, c.want) || status != c.status {
			t.Errorf("%s with %d redirects, cross %v: status %d, %v; want %d, %v", c.path, c.follow, c.cross, status, err, c.status, c.want)
		}
	}
	if n := internal.conn.Load(); n != 0 {
		t.Errorf("%d connections to the internal site", n)
	}
}

func TestRedirectDowngrade(t *testing.T) {
	plain, _, _ := world(t, false, ok, nil)
	secure, _, o := world(t, true, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+on("example.com", plain), http.StatusFound)
	}, map[string]string{"example.com": internet})
	o.Redirects, o.CrossHost, o.AllowHTTP = 3, true, true
	o.Ports = append(o.Ports, plain.port)
	resp, err := NewClient(o).Get("https://" + on("example.com", secure))
	if err == nil {
		resp.Body.Close()
	}
	if !errors.Is(err, ErrRedirect) || plain.conn.Load() != 0 {
		t.Errorf("%v with %d connections in the clear, want ErrRedirect", err, plain.conn.Load())
	}
}
