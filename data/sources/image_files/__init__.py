"""List labelled image files: folders, layouts of splits and classes, tables, parts."""
