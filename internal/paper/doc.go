// Package paper is PDF and XLSX pages for people to print: typesetting with embedded Chinese fonts, tables, sheets of
// cards.
//
// It owns fonts and page geometry. It never knows a household, a case or a policy.
package paper
