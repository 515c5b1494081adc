// The one place that names the built assemblies. A script beside this file starts with: #load "metakan.fsx"
#r "../artifacts/bin/MetaKan.Core/release/TorchSharp.dll"
#r "../artifacts/bin/MetaKan.Core/release/MetaKan.Core.dll"
