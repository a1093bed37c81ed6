"""The workstation's first half: folders of photos -> aligned data set -> trained network."""
