// Package saga runs the stories that span actors. The first is sign-up.
package saga
