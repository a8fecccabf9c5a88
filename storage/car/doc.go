// Package car reads and writes CAR v1 files, the form in which repositories travel.
package car
